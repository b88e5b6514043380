/*
 * Reports as the OpenReports API has them (openreports.io/v1alpha1, `Report`): what policy engines write and dashboards
 * read. https://github.com/openreports/reports-api
 */

/** The result of one policy for one image. */
export interface ReportResult {
  readonly source: string;
  readonly policy: string;
  /** The reason code. */
  readonly rule: string;
  readonly category: string;
  readonly result: 'fail' | 'warn' | 'error';
  readonly scored: boolean;
  readonly severity: 'high' | 'medium' | 'low' | 'info';
  /** Since when it is so. */
  readonly timestamp: { readonly seconds: number; readonly nanos: number };
  readonly message: string;
  /** The pods that run it, of which the first are named. */
  readonly resources: readonly {
    readonly apiVersion: 'v1';
    readonly kind: 'Pod';
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  }[];
  readonly properties: Readonly<Record<string, string>>;
}

/** What an audit found in one namespace. */
export interface Report {
  readonly apiVersion: 'openreports.io/v1alpha1';
  readonly kind: 'Report';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly source: string;
  readonly scope: { readonly apiVersion: 'v1'; readonly kind: 'Namespace'; readonly name: string };
  readonly configuration: {
    readonly limits: { readonly maxResults: number; readonly statusFilter: readonly string[] };
  };
  /** Counts of everything, also of what is not among the results. */
  readonly summary: {
    readonly pass: number;
    readonly fail: number;
    readonly warn: number;
    readonly error: number;
    readonly skip: number;
  };
  readonly results: readonly ReportResult[];
}
