import { AuditService } from "@/gen/audit_pb";
import { AuthService } from "@/gen/auth_pb";
import { TenantService, UserService } from "@/gen/directory_pb";
import { DrillService } from "@/gen/drill_pb";
import { FindingService } from "@/gen/fleet_pb";
import { NodeService } from "@/gen/node_pb";
import { AssessmentService, JobService, SystemService, WatchService } from "@/gen/operations_pb";
import { AccessService, PolicyService } from "@/gen/policy_pb";
import { RecordingService } from "@/gen/recording_pb";
import { ReportService } from "@/gen/report_pb";
import { clientOf } from "./transport";

/** One client per service of the API. The console calls nothing else. */
export const auth = clientOf(AuthService);
export const users = clientOf(UserService);
export const tenants = clientOf(TenantService);
export const assessments = clientOf(AssessmentService);
export const nodes = clientOf(NodeService);
export const findings = clientOf(FindingService);
export const audit = clientOf(AuditService);
export const access = clientOf(AccessService);
export const policies = clientOf(PolicyService);
export const drills = clientOf(DrillService);
export const reports = clientOf(ReportService);
export const recordings = clientOf(RecordingService);
export const jobs = clientOf(JobService);
export const system = clientOf(SystemService);
export const watching = clientOf(WatchService);
