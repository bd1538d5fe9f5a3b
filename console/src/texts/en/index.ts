// One file for the words that all share, one for each page. A page that is added adds its file to both languages.
import about from "./about.json";
import access from "./access.json";
import account from "./account.json";
import audit from "./audit.json";
import common from "./common.json";
import directory from "./directory.json";
import errors from "./errors.json";
import events from "./events.json";
import exceptions from "./exceptions.json";
import findings from "./findings.json";
import inventory from "./inventory.json";
import jobs from "./jobs.json";
import nodes from "./nodes.json";
import overview from "./overview.json";
import policies from "./policies.json";
import pools from "./pools.json";
import proofs from "./proofs.json";
import reports from "./reports.json";
import requirements from "./requirements.json";
import settings from "./settings.json";
import shell from "./shell.json";
import table from "./table.json";

export default {
  about,
  access,

  account,
  audit,

  common,

  directory,

  errors,
  events,

  exceptions,
  findings,
  inventory,
  jobs,

  nodes,
  overview,
  policies,

  pools,

  proofs,
  reports,
  requirements,

  settings,

  shell,
  table,
};
