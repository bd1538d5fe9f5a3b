import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Recording } from "@/recording/read";
import { type Picture, Screen } from "@/recording/screen";
import { momentOf, type Timeline, timelineOf, upTo } from "@/recording/timeline";

export interface Player {
  picture: Picture | undefined;
  timeline: Timeline;
  /** Seconds of the clock. */
  at: number;
  playing: boolean;
  speed: number;
  idle: number;
  play: (on: boolean) => void;
  seek: (moment: number) => void;
  setSpeed: (speed: number) => void;
  setIdle: (seconds: number) => void;
}

// A piece of what is written at once, so that the page stays alive however much there is.
const together = 500;
const mostText = 128 << 10;

/** usePlayer shows a recording on a terminal that nobody sees, and gives its picture. */
export function usePlayer(recording: Recording): Player {
  const [idle, setIdleTo] = useState(2);
  const [speed, setSpeed] = useState(1);
  const [playing, setPlaying] = useState(true);
  const [at, setAt] = useState(0);
  const [picture, setPicture] = useState<Picture>();
  const timeline = useMemo(() => timelineOf(recording.events, idle), [recording, idle]);
  const stage = useRef<Stage>(undefined);

  useEffect(() => {
    const s = new Stage(recording, setPicture);
    stage.current = s;
    return () => s.close();
  }, [recording]);

  // What is played is what the clock says: where the page was slow, the next picture has it all.
  const clock = useRef(0);
  const go = useCallback(
    (moment: number) => {
      clock.current = Math.min(Math.max(0, moment), timeline.length);
      setAt(clock.current);
      stage.current?.show(upTo(timeline, clock.current));
    },
    [timeline],
  );
  useEffect(() => {
    go(clock.current);
  }, [go]);
  useEffect(() => {
    if (!playing) return;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      const next = clock.current + ((now - last) / 1000) * speed;
      last = now;
      go(next);
      if (next >= timeline.length) setPlaying(false);
    }, 50);
    return () => clearInterval(timer);
  }, [playing, speed, timeline, go]);

  return {
    picture,
    timeline,
    at,
    playing,
    speed,
    idle,
    seek: go,
    setSpeed,
    play: (on) => {
      if (on && clock.current >= timeline.length) go(0);
      setPlaying(on);
    },
    setIdle: (seconds) => {
      clock.current = momentOf(timeline, timelineOf(recording.events, seconds), clock.current);
      setIdleTo(seconds);
    },
  };
}

/** Stage writes events to a terminal until as many are there as are wanted. To go back, it begins anew. */
class Stage {
  private screen: Screen;
  private done = 0;
  private wanted = 0;
  private busy = false;
  private closed = false;

  constructor(
    private readonly recording: Recording,
    private readonly shown: (p: Picture) => void,
  ) {
    this.screen = new Screen(recording.header);
    shown(this.screen.picture());
  }

  show(events: number): void {
    this.wanted = events;
    if (!this.busy) void this.work();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (!this.closed && this.done !== this.wanted) {
      if (this.wanted < this.done) {
        this.screen.close();
        this.screen = new Screen(this.recording.header);
        this.done = 0;
      }
      const next = this.piece();
      await this.screen.write(this.recording.events.slice(this.done, next));
      this.done = next;
      if (!this.closed && this.done === this.wanted) this.shown(this.screen.picture());
    }
    this.busy = false;
  }

  private piece(): number {
    let text = 0;
    let n = this.done;
    while (n < this.wanted && n - this.done < together && text < mostText) text += this.recording.events[n++]?.data.length ?? 0;
    return n;
  }

  close(): void {
    this.closed = true;
    this.screen.close();
  }
}
