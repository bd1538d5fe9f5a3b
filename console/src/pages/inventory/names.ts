import { plain } from "@/lib/plain";

/** An image as people know it: without the registry's host, and with as much of a digest as tells it apart. */
export function imageName(ref: string): string {
  const short = ref.replace(/^[^/]*[.:][^/]*\//, "").replace(/(@sha256:[0-9a-f]{8})[0-9a-f]+$/, "$1");
  return plain(short.replace(/^sha256:([0-9a-f]{12})[0-9a-f]+$/, "$1") || ref);
}

/** A published port: TCP and all addresses are as usual and go without saying. */
export function portName(port: string): string {
  return plain(
    port
      .replace(/^(\*|0\.0\.0\.0|\[?::\]?):(?=\d)/, "")
      .replace("->", "→")
      .replace(/\/tcp$/, ""),
  );
}
