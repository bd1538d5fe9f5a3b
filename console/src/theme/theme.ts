import { Anchor, type CSSVariablesResolver, createTheme, type MantineColorsTuple, Table, Tooltip } from "@mantine/core";

const harbour: MantineColorsTuple = [
  "#e9f4fb",
  "#d3e6f3",
  "#a6cce6",
  "#76b1da",
  "#4f9bcf",
  "#368dc9",
  "#2886c7",
  "#1a73b0",
  "#0b5a8a",
  "#06486f",
];

export const theme = createTheme({
  primaryColor: "harbour",
  primaryShade: { light: 8, dark: 7 },
  colors: {
    harbour,
    dark: ["#e3e8ed", "#c3ccd5", "#9ca8b4", "#75818e", "#3a444f", "#2a323b", "#1c2229", "#161b21", "#11161b", "#0e1217"],
  },
  defaultRadius: "sm",
  fontFamily:
    'system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace',
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  lineHeights: { xs: "1.35", sm: "1.4", md: "1.5", lg: "1.5", xl: "1.5" },
  spacing: { xs: "0.375rem", sm: "0.625rem", md: "0.875rem", lg: "1.25rem", xl: "1.75rem" },
  headings: {
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "1.375rem", lineHeight: "1.3" },
      h2: { fontSize: "1rem", lineHeight: "1.4" },
      h3: { fontSize: "0.875rem", lineHeight: "1.4" },
    },
  },
  components: {
    Anchor: Anchor.extend({ defaultProps: { underline: "hover" } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 6, horizontalSpacing: "sm" } }),
    Tooltip: Tooltip.extend({ defaultProps: { events: { hover: true, focus: true, touch: true }, multiline: true, maw: 420 } }),
  },
});

/** Mantine's own variables follow the tokens. */
export const resolver: CSSVariablesResolver = () => {
  const both = {
    "--mantine-color-body": "var(--bh-surface)",
    "--mantine-color-text": "var(--bh-text)",
    "--mantine-color-dimmed": "var(--bh-soft)",
    "--mantine-color-placeholder": "var(--bh-soft)",
    "--mantine-color-anchor": "var(--bh-accent)",
    "--mantine-color-default": "var(--bh-surface)",
    "--mantine-color-default-hover": "var(--bh-hover)",
    "--mantine-color-default-border": "var(--bh-line)",
    "--mantine-color-error": "var(--bh-bad)",
  };
  return { variables: {}, light: both, dark: both };
};
