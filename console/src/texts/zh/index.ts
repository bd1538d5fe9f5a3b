// One file for the words that all share, one for each page. A page that is added adds its file to both languages.
import about from "./about.json";
import account from "./account.json";
import audit from "./audit.json";
import common from "./common.json";
import errors from "./errors.json";
import findings from "./findings.json";
import jobs from "./jobs.json";
import nodes from "./nodes.json";
import overview from "./overview.json";
import requirements from "./requirements.json";
import shell from "./shell.json";
import table from "./table.json";

export default { about, account, audit, common, errors, findings, jobs, nodes, overview, requirements, shell, table };
