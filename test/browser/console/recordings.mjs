// Recorded sessions: of a server whose nodes recorded none. What there is to see of one is in console-recordings.mjs.

const pages = [
  { name: "recordings", at: "/guard/recordings", raw: true /* it names a setting */, ready: (p) => p.locator("main [data-empty]").waitFor() },
  { name: "recording-none", at: (w) => `/guard/recordings/${w.ids.db}/none`, ready: (p) => p.getByRole("heading", { level: 1 }).waitFor() },
];

export default { pages, flows: [] };
