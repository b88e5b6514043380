import { basic } from '../promotions/locked-registry.ts';

/** The logins of a Docker config: one for a host, with an optional path. */
export const loginFor = (place: string, username: string, password: string): object => ({
  [place]: { auth: basic(username, password).slice('Basic '.length) },
});

/** A Docker config with one login. */
export const dockerConfig = (place: string, username: string, password: string): object => ({
  auths: loginFor(place, username, password),
});

/** A Secret of a namespace with these logins. */
export const pullSecretOf = (name: string, namespace: string, auths: object): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/dockerconfigjson',
  metadata: { name, namespace },
  stringData: { '.dockerconfigjson': JSON.stringify({ auths }) },
});
