// The file system: reads resources (YAML or JSON, several documents a file) and text from files, folders and standard
// input, bounded in size and number.
export { openBlobCache } from './cache.ts';
export { readBytes, readCertificates, readDocuments, readText } from './documents.ts';
