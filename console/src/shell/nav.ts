import {
  IconAlertTriangle,
  IconBox,
  IconBuilding,
  IconChecklist,
  IconClockPause,
  IconClockPlay,
  IconFileCertificate,
  IconInfoCircle,
  IconKey,
  IconLayoutDashboard,
  IconNetwork,
  IconPlayerRecord,
  IconReport,
  IconScale,
  IconServer2,
  IconServerCog,
  IconSettings,
  IconStack2,
  IconTerminal2,
  IconTimelineEvent,
  IconUsers,
  IconUsersGroup,
} from "@tabler/icons-react";
import type en from "@/texts/en";

export interface NavEntry {
  to:
    | "/"
    | "/requirements"
    | "/exceptions"
    | "/reports"
    | "/nodes"
    | "/containers"
    | "/images"
    | "/networks"
    | "/findings"
    | "/events"
    | "/guard/recordings"
    | "/pools"
    | "/policies"
    | "/access"
    | "/users"
    | "/groups"
    | "/tenants"
    | "/tokens"
    | "/audit"
    | "/jobs"
    | "/settings"
    | "/about";
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
      { to: "/containers", text: "shell.nav.containers", icon: IconBox },
      { to: "/images", text: "shell.nav.images", icon: IconStack2 },
      { to: "/networks", text: "shell.nav.networks", icon: IconNetwork },
      { to: "/findings", text: "shell.nav.findings", icon: IconAlertTriangle },
      { to: "/events", text: "shell.nav.events", icon: IconTimelineEvent },
      { to: "/guard/recordings", text: "shell.nav.recordings", icon: IconPlayerRecord },
      { to: "/pools", text: "shell.nav.pools", icon: IconServerCog },
    ],
  },
  {
    text: "shell.group.access",
    entries: [
      { to: "/policies", text: "shell.nav.policies", icon: IconScale },
      { to: "/access", text: "shell.nav.access", icon: IconKey },
      { to: "/users", text: "shell.nav.users", icon: IconUsers },
      { to: "/groups", text: "shell.nav.groups", icon: IconUsersGroup },
      { to: "/tenants", text: "shell.nav.tenants", icon: IconBuilding },
      { to: "/tokens", text: "shell.nav.tokens", icon: IconTerminal2 },
    ],
  },
  {
    text: "shell.group.server",
    entries: [
      { to: "/audit", text: "shell.nav.audit", icon: IconFileCertificate },
      { to: "/jobs", text: "shell.nav.jobs", icon: IconClockPlay },
      { to: "/settings", text: "shell.nav.settings", icon: IconSettings },
      { to: "/about", text: "shell.nav.about", icon: IconInfoCircle },
    ],
  },
];
