const hash = '[0-9a-f]{64}';
const document = `(?:trust/[1-9][0-9]{0,6}|head|(?:release|fleet|rollouts|reports|sbom|provenance|holds|resumes)/${hash})\\.json`;
const signedPath = new RegExp(`^${document}(?:\\.${hash}\\.(?:sig|sshsig))?$`);
const byHash = new RegExp(`^(?:release|fleet|rollouts|reports|sbom|provenance|holds)/${hash}\\.json$`);

/** True for the paths that `releases/` can have. Nothing else is read or served: no traversal, no encodings. */
export function isSignedPath(path: string): boolean {
  return path.length <= 256 && signedPath.test(path);
}

/** True where the name is the hash of the bytes, so that they never change. Signatures beside them may. */
export function isImmutablePath(path: string): boolean {
  return byHash.test(path);
}
