import type { Change } from "@/gen/operations_pb";
import type { Hearer } from "./changes";
import { problemOf } from "./errors";

/** Whether what is on the page is kept up to date; "still" where nobody lets the caller hear of changes, though the server is there. */
export type Link = "connecting" | "live" | "offline" | "still";

export interface FollowOptions {
  /** Opens the stream of changes from a cursor; "" is from now. */
  open(cursor: string, signal: AbortSignal): AsyncIterable<Change>;
  /** Something of these kinds changed; "all" after a time about which nothing is known. */
  changed(kinds: ReadonlySet<string> | "all"): void;
  /** Each change as it comes, before it is gathered. */
  each?: Hearer;
  link(state: Link): void;
  /** Whether the session goes on, where the stream says that it ended: a factor that is shown makes the session anew. */
  signedIn(): Promise<boolean>;
  signal: AbortSignal;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  random?: () => number;
  /** The server says that it is alive every 15 s; after this long it is not. */
  quiet?: number;
  /** Changes are told of together, so that a storm of them costs little. */
  gather?: number;
}

const last = new Set(["not_found", "factor_required", "invalid", "unimplemented"]);

/** delay doubles from one second to half a minute, and differs from browser to browser so that they don't all come at once. */
export function delay(tries: number, random: number): number {
  const most = Math.min(1000 * 2 ** Math.min(tries, 10), 30_000);
  return Math.round(most / 2 + (most / 2) * random);
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done); // the network is back: no need to wait
    signal.addEventListener("abort", done);
  });
}

/** follow keeps a stream of changes open until its signal ends: it goes on where it was, with growing pauses. */
export async function follow(o: FollowOptions): Promise<void> {
  const wait = o.wait ?? pause;
  const random = o.random ?? Math.random;
  let cursor = "";
  let tries = 0;
  // Told once, not with each change: React keeps every setting of a state, also of the same, until the component is drawn again.
  let link: Link | undefined;
  const say = (state: Link) => {
    if (state === link) return;
    link = state;
    o.link(state);
  };
  const told = gathering(o.changed, o.gather ?? 3000);
  while (!o.signal.aborted) {
    const watchdog = new Watchdog(o.signal, o.quiet ?? 40_000);
    try {
      for await (const change of o.open(cursor, watchdog.signal)) {
        if (o.signal.aborted) return;
        watchdog.fed();
        say("live");
        tries = 0;
        if (cursor === "") o.each?.("begins");
        if (change.cursor !== "") cursor = change.cursor;
        if (change.object === undefined) continue;
        o.each?.(change);
        told(change.object.type);
      }
    } catch (err) {
      const { code } = problemOf(err);
      if (code === "expired") {
        // What happened meanwhile can't be told one by one any more.
        cursor = "";
        o.each?.("missed");
        o.changed("all");
      } else if (code === "denied") {
        say("still");
        return;
      } else if (last.has(code) || (code === "unauthenticated" && !(await o.signedIn()))) {
        say("offline");
        return;
      }
    } finally {
      watchdog.end();
    }
    if (o.signal.aborted) return;
    say("offline");
    await wait(delay(tries++, random()), o.signal);
    if (!o.signal.aborted) say("connecting");
  }
}

function gathering(changed: FollowOptions["changed"], ms: number): (kind: string) => void {
  let kinds = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (kind) => {
    kinds.add(kind);
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      const now = kinds;
      kinds = new Set();
      timer = undefined;
      changed(now);
    }, ms);
  };
}

/** A connection that is cut without a word gives no error: what is quiet for too long is given up. */
class Watchdog {
  private readonly control = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stop = () => this.control.abort();
  constructor(
    private readonly outer: AbortSignal,
    private readonly quiet: number,
  ) {
    outer.addEventListener("abort", this.stop);
    window.addEventListener("offline", this.stop);
    this.fed();
  }
  get signal(): AbortSignal {
    return this.control.signal;
  }
  fed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.stop, this.quiet);
  }
  end(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener("abort", this.stop);
    window.removeEventListener("offline", this.stop);
    this.control.abort();
  }
}
