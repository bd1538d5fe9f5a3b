import { expect, test } from "vitest";

// What holds for the whole console, by its source.
const sources = Object.entries(
  import.meta.glob<string>(["../**/*.tsx", "../**/*.ts", "!../**/*.test.*", "!../gen/**"], {
    query: "?raw",
    import: "default",
    eager: true,
  }),
);

test("a command to copy has every text in quotes of the shell", () => {
  const bare = /<CopyCommand[^>]*?text=\{[^}]*?(?<![\w])`[^`]*\$\{(?!commandOf\()/s;
  const id = "$".concat("{id}");
  expect(bare.test(`<CopyCommand text={\`rm ${id}\`} />`)).toBe(true);
  expect(bare.test(`<CopyCommand\n text={a ? command\`x\` : \`rm ${id}\`} />`)).toBe(true);
  expect(bare.test(`<CopyCommand text={command\`rm ${id}\`} />`)).toBe(false);
  expect(sources.length).toBeGreaterThan(200);
  expect(sources.filter(([, text]) => bare.test(text)).map(([path]) => path)).toEqual([]);
});

test("words of others are not looked up where every object has something", () => {
  expect(sources.filter(([, text]) => /\bin (tones|icons)\b/.test(text)).map(([path]) => path)).toEqual([]);
});
