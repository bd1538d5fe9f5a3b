import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Empty } from "@/components/Empty";
import { ErrorPanel } from "@/components/ErrorPanel";

/** A page that broke, by a defect or because a part of the console could not be loaded after an upgrade. */
export function Failed({ error }: { error: unknown }) {
  const { t } = useTranslation();
  return <ErrorPanel error={error} what={t("shell.pageFailed")} retry={() => location.reload()} heading />;
}

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Empty title={t("shell.noPage")} how={t("shell.noPageHow")} page>
      <Button component={Link} to="/" variant="default">
        {t("shell.nav.overview")}
      </Button>
    </Empty>
  );
}
