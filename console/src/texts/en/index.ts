// What keys of texts there are, for the compiler; the application loads the files of the pages one by one.

import first from "../first.en";
import about from "./about.json";
import access from "./access.json";
import audit from "./audit.json";
import directory from "./directory.json";
import events from "./events.json";
import exceptions from "./exceptions.json";
import findings from "./findings.json";
import guard from "./guard.json";
import inventory from "./inventory.json";
import jobs from "./jobs.json";
import nodes from "./nodes.json";
import policies from "./policies.json";
import pools from "./pools.json";
import proofs from "./proofs.json";
import recordings from "./recordings.json";
import reports from "./reports.json";
import requirements from "./requirements.json";
import settings from "./settings.json";

export default {
  ...first,
  about,
  access,
  audit,
  directory,
  events,
  exceptions,
  findings,
  guard,
  inventory,
  jobs,
  nodes,
  policies,
  pools,
  proofs,
  recordings,
  reports,
  requirements,
  settings,
};
