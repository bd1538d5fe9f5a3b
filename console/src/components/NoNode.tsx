import { useTranslation } from "react-i18next";
import { CopyCommand } from "./CopyCommand";
import { Empty } from "./Empty";
import { ButtonLink } from "./links";

/** No node was assessed yet: what brings one. */
export function NoNode() {
  const { t } = useTranslation();
  return (
    <Empty title={t("overview.noNode")} how={t("overview.noNodeHow")}>
      <CopyCommand text="bulkhead assess --publish" label={t("overview.publish")} />
      <ButtonLink to="/nodes/join">{t("overview.join")}</ButtonLink>
    </Empty>
  );
}
