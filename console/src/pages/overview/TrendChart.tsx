import "@mantine/charts/styles.css";
import { AreaChart } from "@mantine/charts";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { statuses, toneOfStatus } from "@/components/StatusBadge";
import type { TrendPoint } from "@/gen/operations_pb";
import { dateOf } from "@/lib/time";

/** How many requirements had which status. The numbers are also there as a table, for those who don't see the chart. */
export default function TrendChart({ points }: { points: readonly TrendPoint[] }) {
  const { t, i18n } = useTranslation();
  const when = new Intl.DateTimeFormat(i18n.language, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const drawn = [...statuses].reverse();
  const name = (s: (typeof statuses)[number]) => t(`common.status.${s}`);
  const data = points.map((p) => ({
    time: when.format(dateOf(p.time)),
    ...Object.fromEntries(drawn.map((s) => [s, p.summary[s] ?? 0])),
  }));
  const last = points.at(-1);
  if (points.length < 2) return <Text c="dimmed">{t("overview.trendShort")}</Text>;
  return (
    <>
      <div aria-hidden>
        <AreaChart
          h={200}
          data={data}
          dataKey="time"
          type="stacked"
          curveType="step"
          withDots={false}
          strokeWidth={1}
          fillOpacity={0.75}
          withGradient={false}
          areaChartProps={{ accessibilityLayer: false }}
          yAxisProps={{ width: 28, allowDecimals: false, domain: [0, 29] }}
          xAxisProps={{ minTickGap: 40 }}
          areaProps={{ isAnimationActive: false }}
          series={drawn.map((s) => ({ name: s, label: name(s), color: `var(--bh-${toneOfStatus[s]}-fill)` }))}
        />
      </div>
      <p className="hidden-text">{t("overview.trendWords", { from: points[0]?.summary.met ?? 0, to: last?.summary.met ?? 0 })}</p>
    </>
  );
}
