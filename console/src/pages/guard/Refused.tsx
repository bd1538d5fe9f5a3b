import { useTranslation } from "react-i18next";
import { Empty } from "@/components/Empty";
import { ButtonLink } from "@/components/links";
import { Page } from "@/components/Page";
import { GuardTabs } from "./GuardTabs";
import { Preview } from "./Preview";

/** What guards refused in the last week, by the rule that refused it. */
export function RefusedPage() {
  const { t } = useTranslation();
  return (
    <Page title={t("guard.title")} about={t("guard.refusedAbout")}>
      <GuardTabs here="refused" />
      <Preview
        title={t("guard.refusedTitle")}
        outcome="refused"
        empty={(calls) => (
          <Empty
            title={t("guard.noneRefused")}
            how={calls === 0 ? t("guard.noneHow") : t("guard.noneRefusedHow", { count: calls })}
          >
            <ButtonLink to="/guard/enforce" variant="default" size="xs">
              {t("guard.toGuards")}
            </ButtonLink>
          </Empty>
        )}
      />
    </Page>
  );
}
