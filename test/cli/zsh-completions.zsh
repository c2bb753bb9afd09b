# Prints what zsh completes: $1 is the completion script, $2 the command line. Completion needs a line editor, so a shell in
# a pseudo terminal does it as soon as its editor begins; there the builtin that adds matches also tells them.
zmodload zsh/zpty
told=$(mktemp -d)
: > $told/matches
cat > $told/setup <<SETUP
PROMPT=
cd ${(q)PWD}
autoload -U compinit; compinit -D -u
source ${(q)1}
compadd() {
  builtin compadd "\$@"
  local result=\$?
  # Calls that only fill arrays add nothing.
  [[ " \$* " == *" -"[OAD]" "* ]] && return \$result
  local -a matches
  builtin compadd -A matches "\$@"
  print -rl -- \$matches >> $told/matches
  return \$result
}
zle -C tell-matches list-choices _main_complete
zle-line-init() {
  BUFFER=${(q)2}
  CURSOR=\$#BUFFER
  zle tell-matches
  : > $told/done
}
zle -N zle-line-init
SETUP
zpty shell zsh -f -i
zpty -w shell "source $told/setup"
for wait in {1..1000}; do [[ -e $told/done ]] && break; sleep 0.02; done
zpty -d shell
sort -u $told/matches
rm -rf $told
