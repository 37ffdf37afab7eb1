#compdef gloss
# zsh completion for gloss. Printed by `gloss completion zsh`; what may stand where is asked of gloss itself.

_gloss()
{
    local line value help
    local -a typed pairs
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        help=${line#*$'\t'}
        if [[ $line == $'\t'files ]]; then
            if [[ $PREFIX == --*=* ]]; then compset -P '--[^=]#='; fi
            _files
            return
        fi
        pairs+=("${${value//\\/\\\\}//:/\\:}${help:+:$help}")
    done < <(command gloss completion words -- "${typed[@]}" 2>/dev/null)
    (( $#pairs )) && _describe -V -t gloss gloss pairs -M 'm:{[:lower:][:upper:]}={[:upper:][:lower:]}'
}

if [[ $funcstack[1] == _gloss ]]; then # autoloaded from $fpath
    _gloss "$@"
else
    compdef _gloss gloss
fi
