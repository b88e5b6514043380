import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workspace } from '../programs/workspace.ts';

/** One request, as the API server has logged it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The audit log of an API server. */
export interface AuditLog {
  /** Flags of kube-apiserver. */
  readonly apiserverArgs: readonly string[];
  /** The requests of this user so far; a watch counts from its start. */
  requestsOf(user: string): Promise<readonly AuditedRequest[]>;
}

/** Prepares an audit log of everything, without bodies. */
export async function openAuditLog({ folder }: Workspace): Promise<AuditLog> {
  const [log, policy] = [join(folder, 'audit.log'), join(folder, 'audit-policy.yaml')];
  const rules = [{ level: 'Metadata', omitStages: ['RequestReceived'] }];
  await writeFile(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
  return {
    apiserverArgs: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`],
    requestsOf: async (user) => {
      const lines = (await readFile(log, 'utf8')).split('\n');
      // The last one may be half written.
      const whole = lines.slice(0, -1).map((line) => JSON.parse(line) as AuditedRequest);
      return whole.filter(({ user: { username } }) => username === user);
    },
  };
}
