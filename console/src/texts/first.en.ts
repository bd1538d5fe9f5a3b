// What the shell and the first page say: it is there from the beginning.
import account from "./en/first/account.json";
import common from "./en/first/common.json";
import errors from "./en/first/errors.json";
import overview from "./en/first/overview.json";
import shell from "./en/first/shell.json";
import table from "./en/first/table.json";

export default { account, common, errors, overview, shell, table };
