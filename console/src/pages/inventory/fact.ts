/** What a node says of a container, as far as its page shows it. Whatever a node sends, it is read without falling over. */
export interface Mount {
  type: string;
  source: string;
  target: string;
  readOnly: boolean;
  socket: boolean;
}

export interface Workload {
  mounts: Mount[];
  capAdd: string[];
  capDrop: string[];
  devices: string[];
  seccomp: string;
  apparmor: string;
  noNewPrivileges: boolean;
  readOnlyRoot: boolean;
  command: string;
  restart: string;
  cpus: number;
  pids: number;
  processes: { user: string; command: string }[];
  changes: number;
}

type Json = Record<string, unknown>;
const object = (v: unknown): Json => (typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Json) : {});
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const text = (v: unknown): string => (typeof v === "string" ? v : "");
const texts = (v: unknown): string[] => list(v).map(text).filter(Boolean);
const number = (v: unknown): number => (typeof v === "number" ? v : 0);

/** workloadOf reads the fact of a container. */
export function workloadOf(fact: unknown): Workload {
  const all = object(fact);
  const w = object(all.workload);
  const limits = object(w.limits);
  return {
    mounts: list(w.mounts).map((v) => {
      const m = object(v);
      return {
        type: text(m.type),
        source: text(m.resolved) || text(m.source) || text(m.volume),
        target: text(m.target),
        readOnly: m.read_only === true,
        socket: m.engine_socket === true,
      };
    }),
    capAdd: texts(w.cap_add),
    capDrop: texts(w.cap_drop),
    devices: list(w.devices).map((v) => text(object(v).host) || text(object(v).request)),
    seccomp: text(w.seccomp),
    apparmor: text(w.apparmor),
    noNewPrivileges: w.no_new_privileges === true,
    readOnlyRoot: w.read_only_root === true,
    command: [...texts(w.entrypoint), ...texts(w.args)].join(" "),
    restart: text(w.restart),
    cpus: number(limits.nano_cpus) / 1e9,
    pids: number(limits.pids),
    processes: list(all.processes).map((v) => ({ user: text(object(v).user), command: text(object(v).command) })),
    changes: number(all.changes_total),
  };
}
