import type { Event } from "@/gen/node_pb";
import { merged, momentOf } from "@/lib/events";
import type { Hearer } from "./changes";

/** What is asked of the server: the newest events, those alone that are not older than an id and a time where these are given. */
export interface Since {
  id?: string;
  time?: Date;
}

export interface FeedOptions {
  read(since: Since, most: number): Promise<{ rows: Event[]; more: boolean }>;
  /** An error after which it is not tried again. */
  over?: (err: unknown) => boolean;
  now?: () => number;
  /** Most events that are held. */
  most?: number;
  /** At most one reading in this long, and half as long between two pictures. */
  every?: number;
}

/** What a page shows of a feed. A new one is made for every change of it. */
export interface FeedState {
  events: readonly Event[];
  /** There are older ones. */
  more: boolean;
  loaded: boolean;
  paused: boolean;
  /** How many were told of and were not read yet, whatever they are. */
  waiting: number;
  error: unknown;
}

export const mostEvents = 2000;
const overlap = 60_000; // clocks of replicas differ, and what came first may be written last

/**
 * Feed holds the newest events and reads what is new when the stream of changes tells of it: only what is not older than the first of
 * those that it was told of, and seldom. While it is paused it counts.
 */
export class Feed {
  private state: FeedState = { events: [], more: false, loaded: false, paused: false, waiting: 0, error: undefined };
  private readonly readers = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private picture: ReturnType<typeof setTimeout> | undefined;
  private reading = false;
  private closed = false;
  private last = Number.NEGATIVE_INFINITY;
  private failures = 0;
  // What was told of and not read: how many, the lowest of their ids, or that nothing is known.
  private told = 0;
  private first: string | undefined;
  private blind = true;

  constructor(private readonly o: FeedOptions) {}

  subscribe = (reader: () => void): (() => void) => {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  };

  snapshot = (): FeedState => this.state;

  /** start reads for the first time; close ends it. */
  start(): void {
    this.closed = false;
    this.plan();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.picture);
    this.timer = undefined;
    this.picture = undefined;
  }

  hear: Hearer = (told) => {
    if (typeof told === "string") this.blind = true;
    else if (told.object?.type !== "Event") return;
    else {
      this.told++;
      const { id } = told.object;
      if (this.first === undefined || id < this.first) this.first = id;
    }
    this.show();
    this.plan();
  };

  pause(paused: boolean): void {
    this.state = { ...this.state, paused };
    this.tell();
    if (paused) {
      clearTimeout(this.timer);
      this.timer = undefined;
    } else this.plan();
  }

  private get now(): number {
    return this.o.now?.() ?? Date.now();
  }

  private get every(): number {
    return this.o.every ?? 1000;
  }

  /** plan has it read soon, where there is something to read. The first reading waits for nothing, a pause included. */
  private plan(): void {
    const nothing = !this.blind && this.told === 0;
    if (nothing || this.closed || this.reading || this.timer !== undefined || (this.state.paused && this.state.loaded)) return;
    const wait = Math.max(this.every * 2 ** Math.min(this.failures, 5) - (this.now - this.last), 0);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.read();
    }, wait);
  }

  private async read(): Promise<void> {
    const { told, first, blind } = this;
    const most = this.o.most ?? mostEvents;
    this.told = 0;
    this.first = undefined;
    this.blind = false;
    this.reading = true;
    this.last = this.now;
    try {
      const { rows, more } = await this.o.read(this.since(first, blind), most);
      const all = merged(this.state.events, rows, most);
      this.failures = 0;
      this.state = {
        ...this.state,
        events: all.events,
        more: this.state.more || more || all.cut,
        loaded: true,
        waiting: this.told,
        error: undefined,
      };
    } catch (error) {
      this.failures++;
      this.told += told;
      this.blind ||= blind;
      const later = this.first as string | undefined; // that was told meanwhile
      if (first !== undefined && (later === undefined || first < later)) this.first = first;
      this.state = { ...this.state, error, waiting: this.told };
      if (!this.closed && (this.o.over?.(error) ?? false)) {
        this.tell();
        this.close();
      }
    }
    this.reading = false;
    if (this.closed) return;
    this.tell();
    this.plan();
  }

  private since(first: string | undefined, blind: boolean): Since {
    const newest = this.state.events[0];
    if (newest === undefined) return {};
    const time = new Date(momentOf(newest) - overlap);
    return blind ? { time } : { time, id: first };
  }

  /** show draws how many wait, not more often than people see. */
  private show(): void {
    if (this.closed || this.picture !== undefined) return;
    this.picture = setTimeout(() => {
      this.picture = undefined;
      if (this.state.waiting === this.told) return;
      this.state = { ...this.state, waiting: this.told };
      this.tell();
    }, this.every / 2);
  }

  private tell(): void {
    for (const r of this.readers) r();
  }
}
