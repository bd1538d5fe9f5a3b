import { useCallback, useEffect, useRef, useState } from "react";

const pause = 150;

/**
 * useAhead holds what somebody types or chooses before the address has it: it counts at once, and is sent on after a pause. To change the
 * address makes the whole page anew, for which nobody should wait, nor should it be done for each letter. What comes from the address
 * replaces it. The third is for what nobody chose just now: it is sent at once.
 */
export function useAhead<T>(
  given: T,
  send: (value: T) => void,
  same: (a: T, b: T) => boolean = Object.is,
): [ahead: T, set: (value: T) => void, setNow: (value: T) => void] {
  const [ahead, setAhead] = useState(given);
  const sent = useRef(given);
  const newest = useRef({ send, same });
  useEffect(() => {
    newest.current = { send, same };
  });
  useEffect(() => {
    if (newest.current.same(given, sent.current)) return;
    sent.current = given;
    setAhead(given);
  }, [given]);
  useEffect(() => {
    if (newest.current.same(ahead, sent.current)) return;
    const timer = setTimeout(() => {
      sent.current = ahead;
      newest.current.send(ahead);
    }, pause);
    return () => clearTimeout(timer);
  }, [ahead]);
  const setNow = useCallback((value: T) => {
    sent.current = value;
    setAhead(value);
    newest.current.send(value);
  }, []);
  return [ahead, setAhead, setNow];
}
