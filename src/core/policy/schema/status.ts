import * as z from 'zod';

/*
 * The `status` of an ImagePolicy: what became of it and of the images it covers. Written by the controller alone; field by
 * field owned by two writers, the one that compiles and the one that audits.
 */

const count = z.int().min(0);
const text = z.string().max(32_768);
const moment = z.string().max(64).meta({ format: 'date-time' });

/** `metav1.Condition`, of whatever kind of ours. */
export const conditionSchema = z.strictObject({
  type: z.string().max(316).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  observedGeneration: z.int().min(0).optional().describe('Generation of the object that this is about.'),
  lastTransitionTime: moment.describe('When the status last changed.'),
  reason: z.string().max(1_024).describe('One word for programs.'),
  message: text.describe('A sentence for people.'),
});

/** The schema of `status`. */
export const policyStatusSchema = z.strictObject({
  observedGeneration: z.int().min(0).optional().describe('Generation of the policy that was compiled last.'),
  compiledHash: z
    .string()
    .max(64)
    .optional()
    .describe('Names what is in force: the spec with the keys and trust roots it refers to.'),
  conditions: z
    .array(conditionSchema)
    .max(16)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe(
      'Ready: the policy as written is in force. Stalled: it does not compile, and a person has to act.',
    ),
  images: z
    .strictObject({
      judged: count.describe('Distinct running images that the policy covers and that were judged.'),
      denied: count.describe('Those that would be refused today.'),
      warned: count.describe('Those with a warning.'),
      unknown: count.describe('Those about which a needed fact could not be learned.'),
    })
    .optional()
    .describe('What the last audit of running images found.'),
  lastAudit: moment.optional().describe('When running images were last judged.'),
});

/** A condition of an ImagePolicy, with the fields and meanings of `metav1.Condition`. */
export type PolicyCondition = z.output<typeof conditionSchema>;
/** The `status` of an ImagePolicy. */
export type PolicyStatus = z.output<typeof policyStatusSchema>;
