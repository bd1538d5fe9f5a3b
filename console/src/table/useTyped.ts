import { useEffect, useRef, useState } from "react";

const pause = 150;

/**
 * useTyped holds the words that somebody types: they count at once, and are sent on after a pause, so that the address does not change
 * with each letter. Words that come from the address replace them.
 */
export function useTyped(words: string, send: (words: string) => void): [string, (words: string) => void] {
  const [typed, setTyped] = useState(words);
  const sent = useRef(words);
  const newest = useRef(send);
  useEffect(() => {
    newest.current = send;
  });
  useEffect(() => {
    if (words === sent.current) return;
    sent.current = words;
    setTyped(words);
  }, [words]);
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = typed;
      newest.current(typed);
    }, pause);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, setTyped];
}
