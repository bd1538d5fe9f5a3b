import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { type EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import classes from "./Editor.module.css";
import { common, languageOf } from "./setup";

/** A place that is wrong, from 1; line 0 is the whole file. */
export interface Place {
  line: number;
  column: number;
  message: string;
}

interface Props {
  /** Name of the file: it says in which language. */
  name: string;
  label: string;
  value: string;
  onChange?: (text: string) => void;
  problems?: readonly Place[];
  /** A line to go to and mark. */
  line?: number;
  /** Counts up to go to the line again. */
  visit?: number;
  tall?: boolean;
}

const mark = StateEffect.define<number>();
const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(old, tr) {
    for (const e of tr.effects)
      if (e.is(mark)) return e.value < 0 ? Decoration.none : Decoration.set([Decoration.line({ class: "cm-here" }).range(e.value)]);
    return tr.docChanged ? Decoration.none : old;
  },
  provide: (f) => EditorView.decorations.from(f),
});

function diagnosticOf(state: EditorState, p: Place): Diagnostic {
  const line = state.doc.line(Math.min(Math.max(p.line, 1), state.doc.lines));
  const from = p.line < 1 ? line.from : Math.min(line.from + Math.max(p.column - 1, 0), line.to);
  return { from, to: Math.max(from, line.to), severity: "error", message: p.message };
}

/** A text that is edited or read, with line numbers, colours and the places that are wrong. */
export function Editor(p: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const change = useRef(p.onChange);
  change.current = p.onChange;
  const text = useRef(p.value);
  const readOnly = p.onChange === undefined;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another file is another editor; its text comes in by the next effect
  useEffect(() => {
    if (host.current === null) return;
    text.current = p.value;
    const made = new EditorView({
      parent: host.current,
      doc: p.value,
      extensions: [
        ...common(p.label, readOnly),
        languageOf(p.name),
        marked,
        ...(readOnly ? [] : [lintGutter()]),
        EditorView.updateListener.of((u) => {
          if (!u.docChanged) return;
          const now = u.state.doc.toString();
          if (now === text.current) return; // it came from outside: nobody wrote it
          text.current = now;
          change.current?.(now);
        }),
      ],
    });
    view.current = made;
    return () => made.destroy();
  }, [p.name, p.label, readOnly]);

  useEffect(() => {
    if (view.current === undefined || p.value === text.current) return;
    text.current = p.value;
    view.current.dispatch({ changes: { from: 0, to: view.current.state.doc.length, insert: p.value } });
  }, [p.value]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another file is another editor, which has its problems to be told
  useEffect(() => {
    const v = view.current;
    if (v === undefined) return;
    v.dispatch(
      setDiagnostics(
        v.state,
        (p.problems ?? []).slice(0, 100).map((x) => diagnosticOf(v.state, x)),
      ),
    );
  }, [p.problems, p.name]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a visit goes there again
  useEffect(() => {
    const v = view.current;
    if (v === undefined || p.line === undefined || p.line < 1) return;
    const at = v.state.doc.line(Math.min(p.line, v.state.doc.lines)).from;
    v.dispatch({ selection: { anchor: at }, effects: [mark.of(at), EditorView.scrollIntoView(at, { y: "center" })] });
    if (!readOnly) v.focus();
  }, [p.line, p.visit, p.name]);

  return <div ref={host} className={p.tall ? classes.tall : classes.editor} />;
}
