/**
 * The commands that check a packet with stock tools. Run in its folder; each line fails loudly. A test runs exactly this
 * text. It checks less than the program does: who signed what, and that nothing was changed; not chains, closures or waivers.
 */
export function stockToolsRecipe(fleet: string): string {
  return `set -eu
# 1. Every file is as it was made.
sha256sum --check --quiet SHA256SUMS
# 2. Every release is signed by a key of keys/. Compare those with copies that you held before.
for sig in releases/release/*.sig; do
  name=\${sig%.sig}; key=\${name##*.}; document=\${name%.*}
  openssl pkeyutl -verify -rawin -pubin -inkey "keys/$key.pem" -in "$document" -sigfile "$sig" > /dev/null
  test "$(sha256sum < "$document" | cut -d ' ' -f 1).json" = "$(basename "$document")"
done
# 3. Every collection of every host is signed by a key that a release declared for it at that time.
for archive in hosts/*/evidence.tar.zst; do
  [ -e "$archive" ] || continue # Nothing was collected anywhere.
  host=$(basename "$(dirname "$archive")")
  folder=$(mktemp -d)
  mkdir "$folder/in"
  # Not piped: a shell does not see that zstd failed in front of a pipe.
  zstd -dqc "$archive" > "$folder/tar"
  tar -x -C "$folder/in" -f "$folder/tar"
  for evidence in "$folder"/in/*.json; do
    [ -e "$evidence" ] || continue # Nothing was collected on this host.
    time=$(basename "$evidence"); time=\${time%%-*}
    ssh-keygen -Y verify -q -f "hosts/$host/allowed_signers" -I "$host" -n "evidence@${fleet}" \\
      -O "verify-time=$time" -s "$evidence.sshsig" < "$evidence"
  done
  rm -r "$folder"
done
echo "every signature holds"
`;
}

export function packetReadme(fleet: string): string {
  return `# Evidence packet of ${fleet}

\`index.html\` is the report; it has no scripts and loads nothing. It was written from the other files alone, and
\`nixfleet compliance packet verify\` writes it again and compares.

| Path | Holds |
|---|---|
| \`manifest.json\`, \`SHA256SUMS\` | size and hash of every file |
| \`releases/\` | signed releases with what they bind: fleets, manifests, static reports, waivers, catalogues; the trust chain |
| \`keys/\` | the keys of the trust chain, for openssl; compare them with copies held before |
| \`hosts/<host>/evidence.tar.zst\` | its collections, each with its signatures, as the host wrote them |
| \`hosts/<host>/allowed_signers\` | its keys by the releases, with their dates, for ssh-keygen |
| \`hosts/<host>/journal.jsonl\` | its signed journal, if it is here |
| \`source/\` | commit objects that releases were made from, if they are here |
| \`drills/\` | signed records of drills, if there are any |

With a trust document that you got by another way than this packet:

    nixfleet compliance packet verify . --trust trust-1.json

With stock tools only (sha256sum, openssl, tar, zstd, OpenSSH 8.9 or newer), in this folder:

\`\`\`sh
${stockToolsRecipe(fleet)}\`\`\`
`;
}
