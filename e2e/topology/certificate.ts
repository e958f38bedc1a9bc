/** A certificate authority of our own and a server certificate for loopback, made by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly authorityFile: string;
  /** PEM text of the authority. */
  readonly authority: string;
}

/** Writes key, certificate (localhost, 127.0.0.1) and authority into `folder`; valid two days. */
export function makeCertificate(folder: string): Certificate {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...key, '-days', '2', '-subj', '/CN=respool e2e authority'],
    ...['-keyout', path('authority.key'), '-out', path('authority.pem')],
  );
  openssl(
    ...['req', ...key, '-subj', '/CN=localhost'],
    ...['-keyout', path('server.key'), '-out', path('server.csr')],
  );
  writeFileSync(path('names.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', path('server.csr'), '-days', '2', '-CAcreateserial'],
    ...['-CA', path('authority.pem'), '-CAkey', path('authority.key')],
    ...['-extfile', path('names.cnf'), '-out', path('server.pem')],
  );
  return {
    keyFile: path('server.key'),
    certificateFile: path('server.pem'),
    authorityFile: path('authority.pem'),
    authority: readFileSync(path('authority.pem'), 'utf8'),
  };
}
