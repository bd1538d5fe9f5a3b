import {
  IconAlertTriangle,
  IconChecklist,
  IconClockPause,
  IconInfoCircle,
  IconLayoutDashboard,
  IconReport,
  IconServer2,
} from "@tabler/icons-react";
import type en from "@/texts/en";

export interface NavEntry {
  to: "/" | "/requirements" | "/exceptions" | "/reports" | "/nodes" | "/findings" | "/about";
  text: `shell.nav.${keyof (typeof en)["shell"]["nav"]}`;
  icon: typeof IconServer2;
}

/** What can be gone to, in groups. A page that is added adds a line here, and one in routes.tsx. */
export const nav: { text: `shell.group.${keyof (typeof en)["shell"]["group"]}`; entries: NavEntry[] }[] = [
  {
    text: "shell.group.standard",
    entries: [
      { to: "/", text: "shell.nav.overview", icon: IconLayoutDashboard },
      { to: "/requirements", text: "shell.nav.requirements", icon: IconChecklist },
      { to: "/exceptions", text: "shell.nav.exceptions", icon: IconClockPause },
      { to: "/reports", text: "shell.nav.reports", icon: IconReport },
    ],
  },
  {
    text: "shell.group.fleet",
    entries: [
      { to: "/nodes", text: "shell.nav.nodes", icon: IconServer2 },
      { to: "/findings", text: "shell.nav.findings", icon: IconAlertTriangle },
    ],
  },
  { text: "shell.group.server", entries: [{ to: "/about", text: "shell.nav.about", icon: IconInfoCircle }] },
];
