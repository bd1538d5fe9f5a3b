// One file for the words that all share, one for each page. A page that is added adds its file to both languages.
import about from "./about.json";
import account from "./account.json";
import common from "./common.json";
import directory from "./directory.json";
import errors from "./errors.json";
import findings from "./findings.json";
import nodes from "./nodes.json";
import overview from "./overview.json";
import pools from "./pools.json";
import requirements from "./requirements.json";
import settings from "./settings.json";
import shell from "./shell.json";
import table from "./table.json";

export default {
  about,
  account,
  common,
  directory,
  errors,
  findings,
  nodes,
  overview,
  pools,
  requirements,
  settings,
  shell,
  table,
};
