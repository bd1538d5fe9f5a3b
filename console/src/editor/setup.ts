import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { getNonce } from "get-nonce";
import { cedar } from "./cedar";

// Each of these colours has at least 4.5:1 on the surface (theme/tokens.test.ts).
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.definition(tags.propertyName), tags.propertyName], color: "var(--bh-accent)", fontWeight: "600" },
  { tag: tags.operatorKeyword, color: "var(--bh-accent)" },
  { tag: tags.string, color: "var(--bh-good)" },
  { tag: [tags.lineComment, tags.comment], color: "var(--bh-soft)", fontStyle: "italic" },
  { tag: [tags.annotation, tags.meta], color: "var(--bh-unknown)", fontWeight: "600" },
  { tag: [tags.typeName, tags.number, tags.bool, tags.null], color: "var(--bh-part)" },
  { tag: tags.atom, color: "var(--bh-unknown)" },
]);

const mono = "var(--mantine-font-family-monospace)";

/** Everything that CodeMirror colours itself is given the tokens of the theme, and nothing of it is a picture: none may be loaded. */
const look = EditorView.theme({
  "&": { color: "var(--bh-text)", backgroundColor: "var(--bh-surface)", fontSize: "0.8125rem" },
  "&.cm-focused": { outline: "2px solid var(--bh-accent)", outlineOffset: "0" },
  "& .cm-scroller": { fontFamily: mono, lineHeight: "1.55" },
  "& .cm-content": { padding: "0.5rem 0", caretColor: "var(--bh-text)" },
  "& .cm-cursor, & .cm-dropCursor": { borderLeftColor: "var(--bh-text)" },
  "& .cm-gutters": {
    backgroundColor: "var(--bh-surface)",
    color: "var(--bh-soft)",
    border: "none",
    borderRight: "1px solid var(--bh-line)",
  },
  "& .cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    background: "var(--bh-accent-ground)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--bh-accent-ground)" },
  "& .cm-tooltip": {
    backgroundColor: "var(--bh-raised)",
    color: "var(--bh-text)",
    border: "1px solid var(--bh-line-strong)",
    borderRadius: "4px",
    maxWidth: "min(40rem, 90vw)",
  },
  "& .cm-diagnostic": { fontFamily: "inherit", padding: "0.35rem 0.6rem", overflowWrap: "anywhere" },
  "& .cm-diagnostic-error": { borderLeft: "4px solid var(--bh-bad-fill)" },
  "& .cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bh-bad)", textUnderlineOffset: "3px" },
  "& .cm-lintRange-active": { backgroundColor: "var(--bh-bad-ground)" },
  "& .cm-gutter-lint": { width: "1.1rem" },
  "& .cm-gutter-lint .cm-gutterElement": { padding: "0" },
  "& .cm-lint-marker": { width: "1.1rem", height: "auto", textAlign: "center" },
  "& .cm-lint-marker-error": { content: "normal", color: "var(--bh-bad)", fontWeight: "700" },
  "& .cm-lint-marker-error::before": { content: '"✕"' },
  "& .cm-specialChar": { color: "var(--bh-bad)" },
  "& .cm-here": { boxShadow: "inset 3px 0 0 var(--bh-accent)" },
  "&.cm-merge-b .cm-changedLine, & .cm-insertedLine, & .cm-inlineChangedLine": { backgroundColor: "var(--bh-good-ground)" },
  "& .cm-deletedChunk": { backgroundColor: "var(--bh-bad-ground)", paddingLeft: "6px" },
  "&.cm-merge-b .cm-changedText, & .cm-deletedChunk .cm-deletedText": { background: "none", fontWeight: "700" },
  "&.cm-merge-b .cm-changedLine::before": { content: '"+ "', fontWeight: "700" },
  "& .cm-deletedLine::before": { content: '"− "', fontWeight: "700" },
  "&.cm-merge-b .cm-changedLineGutter": { background: "var(--bh-good-fill)" },
  "& .cm-collapsedLines:before, & .cm-collapsedLines:after": { content: '"⋯"' },
  "& .cm-deletedLineGutter": { background: "var(--bh-bad-fill)" },
  "& .cm-collapsedLines, &.cm-editor .cm-collapsedLines": {
    color: "var(--bh-soft)",
    background: "var(--bh-off-ground)",
    padding: "0.15rem 0.6rem",
  },
});

/** languageOf is what a file is written in, by its name. */
export function languageOf(name: string): Extension {
  return name.endsWith(".cedar") ? cedar() : yaml();
}

/** What all editors have. Tab goes on to the next control, as everywhere; Enter keeps the indentation. */
export function common(label: string, readOnly: boolean): Extension[] {
  return [
    EditorView.cspNonce.of(getNonce() ?? ""),
    look,
    syntaxHighlighting(colours),
    lineNumbers(),
    highlightSpecialChars(),
    drawSelection(),
    bracketMatching(),
    EditorView.lineWrapping,
    EditorState.readOnly.of(readOnly),
    EditorState.tabSize.of(2),
    EditorView.contentAttributes.of({
      "aria-label": label,
      spellcheck: "false",
      tabindex: "0",
      ...(readOnly ? { "aria-readonly": "true" } : {}),
    }),
    ...(readOnly ? [keymap.of(defaultKeymap)] : [history(), indentOnInput(), keymap.of([...defaultKeymap, ...historyKeymap])]),
  ];
}
