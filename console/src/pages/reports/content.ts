// The report's JSON form (bulkhead.report/v1), as far as it is shown.
export interface Words {
  en: string;
  zh: string;
}

export interface ReportEvidence {
  node: string;
  subject: string;
  status: string;
  text: Words;
  exception?: { owner: string; reason: string; expires: string; expired?: boolean };
}

export interface ReportCheck {
  id: string;
  title: Words;
  severity: string;
  essential: boolean;
  remediation: Words;
  nodes: Record<string, number>;
  evidence: ReportEvidence[];
  left_out: number;
}

export interface ReportRequirement {
  id: string;
  section: string;
  title: Words;
  status: string;
  before: string;
  nodes: Record<string, number>;
  reason: Words;
  checks: ReportCheck[];
}

export interface ReportNode {
  id: string;
  tenant: string;
  name: string;
  health: string;
  assessment: string;
  facts?: string;
  statuses: Record<string, string>;
}

export interface ReportContent {
  schema: string;
  product: string;
  scope: { tenant: string; words: Words };
  summary: Record<string, number>;
  summary_before: Record<string, number>;
  nodes_assessed: number;
  requirements: ReportRequirement[];
  exceptions: {
    id: string;
    check: string;
    subject?: string;
    node: string;
    owner: string;
    reason: string;
    expires: string;
    creator: string;
    approver: string;
  }[];
  findings: {
    counts: Record<string, number>;
    list: { node: string; kind: string; severity: string; text: Words; first: string }[];
    left_out: number;
  };
  changes: {
    worse: number;
    better: number;
    list: { time: string; node: string; kind: string; requirement: string; text: Words }[];
    left_out: number;
  };
  drills: { drill: string; requirement: string; node: string; verdict: string; why: string; ran: string }[];
  controls: { name: string; requirements: string[]; there: boolean; enforce: number; observe: number; missing: number }[];
  not_known: Words[];
  nodes: ReportNode[];
  audit: { origin: string; size: number; root: string }[];
}

/** readReport reads what the server keeps as the report. */
export async function readReport(file: Blob): Promise<ReportContent> {
  const read = JSON.parse(await file.text()) as ReportContent;
  if (read.schema !== "bulkhead.report/v1")
    throw new Error(`the report has the form ${String(read.schema)}, which this console does not know`);
  return read;
}
