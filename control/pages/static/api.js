// Calls of the API as Connect JSON. The session is in a cookie that scripts can't read.

export class ApiError extends Error {
  constructor(code, message, remedy) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}

// detailOf reads the strings of a serialised bulkhead.v1.ErrorDetail: 1 is the code, 2 the remedy.
function detailOf(value) {
  const bytes = Uint8Array.from(atob(value), (c) => c.charCodeAt(0));
  const fields = {};
  for (let i = 0; i < bytes.length; ) {
    const tag = bytes[i++];
    if ((tag & 7) !== 2 || tag > 127) break; // all its fields are text
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const b = bytes[i++];
      size |= (b & 127) << shift;
      if (!(b & 128)) break;
    }
    fields[tag >> 3] = new TextDecoder().decode(bytes.subarray(i, i + size));
    i += size;
  }
  return { code: fields[1] || "", remedy: fields[2] || "" };
}

function errorOf(body) {
  for (const d of body.details || []) {
    if (d.type === "bulkhead.v1.ErrorDetail") {
      const { code, remedy } = detailOf(d.value);
      return new ApiError(code, body.message || code, remedy);
    }
  }
  return new ApiError(body.code || "internal", body.message || "", "");
}

// call makes one call, e.g. call("AuthService/SignIn", {...}).
export async function call(method, request = {}) {
  let response;
  try {
    response = await fetch("/bulkhead.v1." + method, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1" },
      body: JSON.stringify(request),
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
    });
  } catch {
    throw new ApiError("network", "", "");
  }
  let body;
  try {
    body = await response.json();
  } catch {
    throw new ApiError("network", "", "");
  }
  if (!response.ok) throw errorOf(body);
  return body;
}
