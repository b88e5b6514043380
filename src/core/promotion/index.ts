// What moves: the ImagePromotion resource, which tags it selects, the plan of a run, its steps one by one, and the records they
// leave. Pure but for the ports handed in: registries, a scanner and a signer do what the steps ask.
export type {
  ArtifactSigner,
  BlobArrival,
  BlobTransfer,
  Deletion,
  ScanOutput,
  Scanner,
  ScanSubject,
  SignedContent,
  SourceRegistry,
  Statement,
  TargetRegistry,
} from './ports.ts';
