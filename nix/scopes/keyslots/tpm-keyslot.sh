# A signing key that never leaves a TPM 2.0. Needs tpm2-tools, coreutils and openssl (for decoding DER alone); tpm.nix puts
# interpreter and PATH above this text.
#
#   tpm-keyslot provision <handle> <directory> <pcrs>   makes the key if the handle is empty; exports its public half
#   tpm-keyslot sign <handle> <pcrs> <file>             R‖S of ECDSA P-256 over the file, 64 raw bytes, on standard output
#
# <pcrs>: such as sha256:0,7, or none. A key bound to PCRs signs only while they are as they were when it was made.
set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Without a resource manager, objects and sessions stay in the few slots of the TPM. With one there are none of ours.
flush() { tpm2_flushcontext --transient-object 2> /dev/null || true; }

export_public() { # $1: handle, $2: directory
  tpm2_readpublic --object-context="$1" --format=der --output="$scratch/public.der" > /dev/null
  # RFC 5480: the key is the last 64 bytes of the SubjectPublicKeyInfo of a P-256 key, which has 91.
  [ "$(wc -c < "$scratch/public.der")" -eq 91 ] || {
    echo "tpm-keyslot: the object at $1 is no P-256 key: choose another handle" >&2
    exit 1
  }
  tail -c 64 "$scratch/public.der" > "$scratch/pubkey.raw"
  {
    echo '-----BEGIN PUBLIC KEY-----'
    base64 -w 64 "$scratch/public.der"
    echo '-----END PUBLIC KEY-----'
  } > "$scratch/pubkey.pem"
  mkdir -p "$2"
  for name in pubkey.raw pubkey.pem; do
    cat "$scratch/$name" > "$2/.$name.new"
    chmod 0644 "$2/.$name.new"
    mv -f "$2/.$name.new" "$2/$name"
  done
}

create() { # $1: handle, $2: pcrs
  attributes='fixedtpm|fixedparent|sensitivedataorigin|sign|noda'
  if [ "$2" = none ]; then
    set -- "$1" "$2" --attributes="$attributes|userwithauth"
  else
    tpm2_createpolicy --policy-pcr --pcr-list="$2" --policy="$scratch/policy" > /dev/null
    # Without userwithauth the policy is the only way to use it.
    set -- "$1" "$2" --attributes="$attributes" --policy="$scratch/policy"
  fi
  handle=$1
  shift 2
  tpm2_createprimary --hierarchy=o --key-algorithm=ecc256:ecdsa-sha256 "$@" --key-context="$scratch/key" > /dev/null
  flush
  tpm2_evictcontrol --hierarchy=o --object-context="$scratch/key" "$handle" > /dev/null
  flush
}

provision() {
  if ! tpm2_getcap handles-persistent | grep -qix -- "- $1"; then create "$1" "$3"; fi
  export_public "$1" "$2"
}

# One INTEGER of a DER signature as 32 bytes.
number() { # $1: R is 1, S is 2
  hex=$(openssl asn1parse -inform DER -in "$scratch/signature.der" | sed -n 's/.*INTEGER *://p' | sed -n "$1p")
  while [ ${#hex} -lt 64 ]; do hex=0$hex; done
  printf '%s' "$hex" | basenc --decode --base16
}

sign() {
  if [ "$2" = none ]; then
    tpm2_sign --key-context="$1" --hash-algorithm=sha256 --scheme=ecdsa --format=plain --signature="$scratch/signature.der" "$3"
  else
    tpm2_startauthsession --policy-session --session="$scratch/session"
    tpm2_policypcr --session="$scratch/session" --pcr-list="$2" > /dev/null
    signed=0
    tpm2_sign --key-context="$1" --hash-algorithm=sha256 --scheme=ecdsa --format=plain --auth="session:$scratch/session" \
      --signature="$scratch/signature.der" "$3" || signed=$?
    tpm2_flushcontext "$scratch/session"
    [ "$signed" -eq 0 ] || exit 1
  fi
  { number 1 && number 2; } > "$scratch/signature.raw"
  cat "$scratch/signature.raw"
}

case "${1:-} $#" in
'provision 4') provision "$2" "$3" "$4" ;;
'sign 4') sign "$2" "$3" "$4" ;;
*)
  echo "usage: $0 provision <handle> <directory> <pcrs> | sign <handle> <pcrs> <file>" >&2
  exit 2
  ;;
esac
