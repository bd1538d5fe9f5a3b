import { NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { nodeList } from "@/api/queries";
import { plain } from "@/lib/plain";
import { useTenant } from "@/shell/scope";
import { useTyped } from "@/table/useTyped";
import { type RecordingSearch, ranges } from "./filter";
import classes from "./recordings.module.css";

/** What the server is asked for. It stands in the address. */
export function Filters({ search }: { search: RecordingSearch }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const nodes = useQuery(nodeList(useTenant())).data?.rows ?? [];
  const set = (next: RecordingSearch) =>
    void navigate({ to: "/guard/recordings", search: (old) => ({ ...old, ...next }), replace: true });
  const [account, setAccount] = useTyped(search.account ?? "", (v) => set({ account: v || undefined }));
  const [container, setContainer] = useTyped(search.container ?? "", (v) => set({ container: v || undefined }));
  const known = nodes.some((n) => n.id === search.node);
  return (
    // biome-ignore lint/a11y/useSemanticElements: filters are no fieldset
    <div className={classes.filters} role="group" aria-label={t("recordings.filters")}>
      <NativeSelect
        size="xs"
        label={t("recordings.node")}
        value={search.node ?? ""}
        onChange={(e) => set({ node: e.currentTarget.value || undefined })}
        data={[
          { value: "", label: t("recordings.any") },
          ...(search.node === undefined || known ? [] : [{ value: search.node, label: plain(search.node) }]),
          ...nodes.map((n) => ({ value: n.id, label: plain(n.name) })),
        ]}
      />
      <TextInput
        size="xs"
        label={t("recordings.who")}
        placeholder={t("recordings.whoHow")}
        value={account}
        maxLength={128}
        onChange={(e) => setAccount(e.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label={t("recordings.container")}
        placeholder={t("recordings.containerHow")}
        value={container}
        maxLength={128}
        onChange={(e) => setContainer(e.currentTarget.value)}
      />
      <NativeSelect
        size="xs"
        label={t("recordings.when")}
        value={search.back ?? ""}
        onChange={(e) => set({ back: ranges.find((r) => r === e.currentTarget.value) })}
        data={[
          { value: "", label: t("recordings.always") },
          ...ranges.map((r) => ({ value: r, label: t(`recordings.range.${r}`) })),
        ]}
      />
    </div>
  );
}
