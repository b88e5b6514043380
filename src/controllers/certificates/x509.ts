// The library with what it needs around it. Imported when a certificate is made, not before: it costs a tenth of a second
// and ten megabytes, which no command and no replica that only serves has to spend.
import 'reflect-metadata';

export * from '@peculiar/x509';
