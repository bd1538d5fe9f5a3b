// What the shell and the first page say: it is there from the beginning.
import account from "./zh/first/account.json";
import common from "./zh/first/common.json";
import errors from "./zh/first/errors.json";
import overview from "./zh/first/overview.json";
import shell from "./zh/first/shell.json";
import table from "./zh/first/table.json";

export default { account, common, errors, overview, shell, table };
