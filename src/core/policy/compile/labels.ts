import type { ImagePolicySpec } from '../schema.ts';

/** Labels of a namespace. */
export type Labels = Readonly<Record<string, string>>;

type Selector = NonNullable<ImagePolicySpec['match']['namespaceSelector']>;
type Expression = NonNullable<Selector['matchExpressions']>[number];

/** Whether labels satisfy a Kubernetes label selector; an empty selector selects everything, as in Kubernetes. */
export function selects(selector: Selector, labels: Labels): boolean {
  const byLabel = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return byLabel && (selector.matchExpressions ?? []).every((expression) => holds(expression, labels));
}

function holds({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
