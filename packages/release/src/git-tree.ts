import { ReleaseError } from './errors.ts';
import type { Git } from './git.ts';
import type { ReleaseTree } from './release-tree.ts';

/** Most files of one `releases/`: ten years of hourly heads are one file; ten releases a day for ten years are 200,000. */
const filesMax = 1_000_000;

/** `releases/` as of one commit; `directory` is its folder there, `''` for the top. */
export async function openGitTree(git: Git, commit: string, directory: string): Promise<ReleaseTree> {
  const args = ['ls-tree', '-r', '-z', '--long', '--full-tree', commit];
  const listed = await git.run(directory === '' ? args : [...args, `${directory}/`], {
    stdoutBytesMax: 256 * 1024 * 1024,
  });
  const blobs = new Map<string, { readonly id: string; readonly bytes: number }>();
  const folders = new Map<string, string[]>();
  const skip = directory === '' ? 0 : directory.length + 1;
  for (const line of listed.split('\0')) {
    // Symbolic links (120000) and submodules are not files of ours.
    const match = /^100(?:644|755) blob ([0-9a-f]+) +(\d+)\t(.+)$/s.exec(line);
    if (!match?.[1] || !match[3]) continue;
    const path = match[3].slice(skip);
    blobs.set(path, { id: match[1], bytes: Number(match[2]) });
    if (blobs.size > filesMax) throw new ReleaseError('git', `${commit}: more than ${filesMax} files`);
    const at = path.lastIndexOf('/');
    const folder = path.slice(0, Math.max(0, at));
    const names = folders.get(folder);
    if (names) names.push(path.slice(at + 1));
    else folders.set(folder, [path.slice(at + 1)]);
  }
  return {
    async read(path, bytesMax) {
      const blob = blobs.get(path);
      if (!blob) return null;
      if (blob.bytes > bytesMax) throw new ReleaseError('bad-input', `${path}: more than ${bytesMax} bytes`);
      return git.bytes(['cat-file', 'blob', blob.id]);
    },
    list: async (folder) => [...(folders.get(folder) ?? [])].sort(),
  };
}
