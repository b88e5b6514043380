import type { KubeObject, Metadata } from '../../clients/kubernetes/index.ts';
import { objectOf } from '../../core/model/index.ts';
import type { ImagePromotionRunStatus, ImagePromotionStatus } from '../../core/promotion/index.ts';
import type { ApprovalObject, ObjectMetadata, PromotionObject, RunObject } from './ports.ts';

/** A run as the API server returned it, which has validated its status. */
export function runObject({ apiVersion, kind, metadata, spec, status }: KubeObject): RunObject {
  const known = { apiVersion, kind, metadata: metadataOf(metadata), spec };
  return status === undefined ? known : { ...known, status: status as ImagePromotionRunStatus };
}

/** The fields of a run that its promotion needs: neither the frozen promotion in it, nor the plan. */
export function knownRun(object: KubeObject): RunObject {
  const { status, ...run } = runObject(object);
  const { promotion, attempt } = objectOf(run.spec);
  const spec = { promotion, attempt };
  if (!status) return { ...run, spec };
  const { pins, ...rest } = status;
  // The pins of an ended run wait for a person; they are needed to find the decision.
  return { ...run, spec, status: pins && status.completionTime === undefined ? rest : status };
}

/** A promotion as the API server returned it, which has validated its status. */
export function promotionObject({ apiVersion, kind, metadata, spec, status }: KubeObject): PromotionObject {
  const known = { apiVersion, kind, metadata: metadataOf(metadata), spec };
  return status === undefined ? known : { ...known, status: status as ImagePromotionStatus };
}

/** An approval as the API server returned it. */
export function approvalObject({ apiVersion, kind, metadata, spec }: KubeObject): ApprovalObject {
  return { apiVersion, kind, metadata: metadataOf(metadata), spec };
}

function metadataOf(metadata: Metadata): ObjectMetadata {
  const { name, namespace = '', uid = '', generation = 0, resourceVersion = '' } = metadata;
  const { creationTimestamp = '', deletionTimestamp, annotations } = metadata;
  return {
    ...{ name, namespace, uid, generation, resourceVersion, creationTimestamp },
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(annotations && { annotations }),
  };
}
