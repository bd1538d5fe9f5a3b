/** A process as it is shown, with those that it started. */
export interface Process {
  pid: number;
  user: string;
  command: string;
  /** Where it stands in what the node said of itself. */
  pointer: string;
  /** It is around the container, not in it. */
  outside: boolean;
  children: Process[];
}

export interface Processes {
  /** Name of the container; "" where it is about the host. */
  container: string;
  roots: Process[];
  /** Who started whom is known. */
  tree: boolean;
  /** There are more than are shown. */
  more: boolean;
}

interface HostProcess {
  pid: number;
  ppid?: number;
  uid?: number;
  name?: string;
  exe?: string;
  command?: string[];
  container?: string;
}

interface Container {
  id: string;
  name: string;
  processes?: { pid: number; user?: string; command: string }[];
}

interface Snapshot {
  host?: { processes?: HostProcess[]; users?: { name?: string; uid?: number }[] };
  containers?: Container[];
}

/** Most processes that are shown. */
export const mostProcesses = 300;

/** processesOf finds the processes that a finding is about: those of the container that its evidence names, or around a process of the
 * host. Undefined where it is about neither. */
export function processesOf(document: unknown, subject: string, pointers: readonly string[]): Processes | undefined {
  const snapshot = (document ?? {}) as Snapshot;
  const containers = snapshot.containers ?? [];
  const index = pointers.map((p) => /^\/containers\/(\d+)(\/|$)/.exec(p)?.[1]).find((i) => i !== undefined);
  // By its name first: what stands where changes from one snapshot to the next.
  let at = containers.findIndex((c) => c.name === subject);
  if (at < 0 && index !== undefined && subject === "") at = Number(index);
  const container = containers[at];
  const host = snapshot.host?.processes ?? [];
  const names = new Map((snapshot.host?.users ?? []).flatMap((u) => (u.uid === undefined || !u.name ? [] : [[u.uid, u.name]])));
  if (container === undefined) {
    const own = pointers.map((p) => /^\/host\/processes\/(\d+)(\/|$)/.exec(p)?.[1]).find((i) => i !== undefined);
    const process = own === undefined ? undefined : host[Number(own)];
    return process === undefined ? undefined : grown(host, names, (p) => p.pid === process.pid, "");
  }
  if (host.some((p) => p.container === container.id))
    return grown(host, names, (p) => p.container === container.id, container.name);
  const listed = container.processes ?? [];
  return {
    container: container.name,
    roots: listed.slice(0, mostProcesses).map((p, i) => ({
      pid: p.pid,
      user: p.user ?? "",
      command: p.command,
      pointer: `/containers/${at}/processes/${i}`,
      outside: false,
      children: [],
    })),
    tree: false,
    more: listed.length > mostProcesses,
  };
}

/** grown is the tree of those that are wanted and of all that they come from. */
function grown(
  host: readonly HostProcess[],
  names: ReadonlyMap<number, string>,
  wanted: (p: HostProcess) => boolean,
  container: string,
): Processes {
  const byPid = new Map(host.map((p, i) => [p.pid, { p, i }]));
  const nodes = new Map<number, Process>();
  const own = host.filter(wanted);
  const add = (entry: { p: HostProcess; i: number }, outside: boolean) => {
    const { p, i } = entry;
    const command = p.command?.join(" ") || p.exe || p.name || "";
    const user = p.uid === undefined ? "" : (names.get(p.uid) ?? `uid ${p.uid}`);
    nodes.set(p.pid, { pid: p.pid, user, command, pointer: `/host/processes/${i}`, outside, children: [] });
  };
  for (const p of own.slice(0, mostProcesses)) {
    const entry = byPid.get(p.pid);
    if (entry !== undefined) add(entry, false);
  }
  for (const p of [...nodes.keys()]) {
    // Upwards until something that is there, or there is nobody: a circle ends by that, too.
    let parent = byPid.get(byPid.get(p)?.p.ppid ?? -1);
    while (parent !== undefined && !nodes.has(parent.p.pid)) {
      add(parent, true);
      parent = byPid.get(parent.p.ppid ?? -1);
    }
  }
  const roots: Process[] = [];
  for (const [pid, node] of nodes) {
    const parent = nodes.get(byPid.get(pid)?.p.ppid ?? -1);
    if (parent === undefined || parent === node || descends(parent, node, nodes, byPid)) roots.push(node);
    else parent.children.push(node);
  }
  const order = (all: Process[]) => {
    all.sort((a, b) => a.pid - b.pid);
    for (const n of all) order(n.children);
  };
  order(roots);
  return { container, roots, tree: true, more: own.length > mostProcesses };
}

/** descends says whether a process would be its own ancestor, as in facts that somebody made up. The lowest of such a circle is its root. */
function descends(
  parent: Process,
  node: Process,
  nodes: ReadonlyMap<number, Process>,
  byPid: ReadonlyMap<number, { p: HostProcess }>,
): boolean {
  const seen = new Set<number>();
  let lowest = node.pid;
  for (let at: Process | undefined = parent; at !== undefined && !seen.has(at.pid); ) {
    seen.add(at.pid);
    if (at === node) return lowest === node.pid;
    lowest = Math.min(lowest, at.pid);
    at = nodes.get(byPid.get(at.pid)?.p.ppid ?? -1);
  }
  return false;
}
