import { useTranslation } from "react-i18next";
import { plain } from "@/lib/plain";

/** useActionWords says what an action does as a person would. What has no words is shown as it is. */
export function useActionWords(): (action: string) => string {
  const { t, i18n } = useTranslation();
  const known = (key: string): boolean => i18n.exists(key);
  return (action) => {
    const own = `audit.action.${action as "SignIn"}` as const;
    if (/^\w+$/.test(action) && known(own)) return t(own);
    const parts = /^([A-Z]\w*?)([A-Z][a-z]+)$/.exec(action);
    if (parts === null) return plain(action);
    const object = `audit.object.${parts[1] as "User"}` as const;
    const verb = `audit.verb.${parts[2] as "Create"}` as const;
    if (parts[2] === "List" && known(object)) return t("audit.listWords", { object: t(object) });
    return known(object) && known(verb) ? t("audit.words", { verb: t(verb), object: t(object) }) : plain(action);
  };
}

/** useObjectWords says what kind of thing an object is. What has no words is shown as it is. */
export function useObjectWords(): (type: string) => string {
  const { t, i18n } = useTranslation();
  return (type) => {
    const own = `audit.object.${type as "User"}` as const;
    if (!/^\w+$/.test(type)) return plain(type);
    return i18n.exists(own) ? String(t(own)) : plain(type);
  };
}

/** Actions that one can choose among; any other can be written. */
export const actions = [
  ...["SignIn", "SignInFactor", "SignOut", "SessionStepUp", "SessionRevoke", "Authenticate", "PasswordChange", "FactorRegister"],
  ...[
    "FactorDelete",
    "DeviceDecide",
    "AccessRequest",
    "AccessDecide",
    "TenantCreate",
    "TenantUpdate",
    "TenantDelete",
    "UserCreate",
  ],
  ...["UserUpdate", "UserDelete", "UserInvite", "UserSessionsRevoke", "GroupCreate", "GroupUpdate", "GroupDelete", "TokenCreate"],
  ...["TokenRevoke", "PolicyApply", "PolicyExplain", "AuditRead", "AuditExport", "AuditVerify", "AuditBreakGlass"],
  ...[
    "BreakGlassOpened",
    "BreakGlassClosed",
    "AuditProblemFound",
    "AuditExportSkipped",
    "AssessmentPublish",
    "JobRun",
    "JobCancel",
  ],
  ...["JoinTokenCreate", "JoinTokenRevoke", "NodeJoin", "NodeUpdate", "NodeCordon", "NodeRevoke", "NodeDelete", "NodeReport"],
  ...["PoolCreate", "PoolUpdate", "PoolDelete", "ExceptionCreate", "ExceptionDelete", "AgentStart", "AgentStop", "BundleApply"],
];

/** Kinds of objects that actions are on. */
export const objectTypes = [
  ...["Tenant", "User", "Group", "Token", "JoinToken", "Node", "Pool", "Rollout", "Exception", "Assessment", "Record"],
  ...["AccessRequest", "System", "Session", "Log"],
];
