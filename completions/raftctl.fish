# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_raftctl_global_optspecs
    string join \n cluster= endpoint= identity= o/output= timeout= color= q/quiet v/verbose h/help V/version
end

function __fish_raftctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_raftctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_raftctl_using_subcommand
    set -l cmd (__fish_raftctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c raftctl -n "__fish_raftctl_needs_command" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_needs_command" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_needs_command" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_needs_command" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_needs_command" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_needs_command" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_needs_command" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_needs_command" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_needs_command" -s V -l version -d 'Print version'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "node" -d 'Run one node in the foreground'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "submit" -d 'Write: put, delete, append, incr, cas, txn, lease, or many lines at once'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "get" -d 'Print the value of a key'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "scan" -d 'List keys and values in order'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "watch" -d 'Print the changes of a key, or of all keys with a prefix, as they happen'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "shell" -d 'Type commands to a cluster at a prompt, or give it many lines from a pipe'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "pipe" -d 'Speak JSON Lines with a cluster: many requests at once, for scripts and other languages'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "status" -d 'Who leads, how far everybody is, and what is wrong'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "leader" -d 'Print the name of the node that leads'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "explain" -d 'What an error code or a rule of Raft means'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "log" -d 'Read Raft logs from disk, whether nodes run or not'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "inspect" -d 'Say what a file or directory of raftctl is, and what is in it'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "bundle" -d 'Pack what somebody else needs to understand a cluster into one file'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "snapshot" -d 'Back up a running cluster, restore it, show and prove snapshot files'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "recover" -d 'Go on after a majority of the nodes is lost for good'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "bench" -d 'Measure a cluster under load: throughput, latency, and what it costs'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "check" -d 'Check a real cluster: whether what clients hear can be explained by one copy of the data'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "sim" -d 'Simulate whole clusters from a seed, and tell the stories of scripts'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "config" -d 'Check cluster files'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "man" -d 'Print or write manual pages'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "version" -d 'Print the version and the formats it speaks'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "put" -d 'Short for `submit put`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "delete" -d 'Short for `submit delete`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "append" -d 'Short for `submit append`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "incr" -d 'Short for `submit incr`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "cas" -d 'Short for `submit cas`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "txn" -d 'Short for `submit txn`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "lease" -d 'Short for `submit lease`'
complete -c raftctl -n "__fish_raftctl_needs_command" -f -a "cluster" -d 'Start, stop, watch and break local clusters'
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l data-dir -d 'Directory of the node, with node.yaml, data/ and identity/ in it' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l die-with-parent -d 'End when this process, the supervisor, ends' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -l detached -d 'Leave the caller\'s session'
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -s f -l file -d 'File with one command per line; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l in-flight -d 'Most lines that are on their way at once [default: 256]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l from-line -d 'Skip the lines before this one, to resume where a run stopped [default: 1]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -l keep-going -d 'Go on after a line that failed'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "put" -d 'Set a key'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "delete" -d 'Remove a key'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "append" -d 'Add bytes at the end of a value'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "incr" -d 'Add to a number'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "cas" -d 'Set a key if a condition holds'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "txn" -d 'Several writes that take effect together, or none, if conditions hold'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and not __fish_seen_subcommand_from put delete append incr cas txn lease" -a "lease" -d 'Let a key vanish after a time, unless it is leased again'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -s f -l file -d 'Take the value from this file, byte for byte; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l ttl -d 'Let the key vanish after this time, unless it is written or leased again' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -s f -l file -d 'Take the value from this file, byte for byte; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from append" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from incr" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -s f -l file -d 'Take the value from this file, byte for byte; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l expect -d 'Only if the value is this one' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l revision -d 'Only if the key was last changed at this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l ttl -d 'Let the key vanish after this time, unless it is written or leased again' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l absent -d 'Only if there is no such key'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from cas" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -s f -l file -d 'Read the transaction from this file; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from txn" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l revision -d 'Only if the key was last changed at this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand submit; and __fish_seen_subcommand_from lease" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l consistency -d 'linearizable: sees every write acknowledged before; lease: the same, without a round where raft.lease_reads is on; stale: what one node has, at once' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l at-least -d 'Wait until the answering node has applied this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l node -d 'Ask this node and no other (a name, or `leader`)' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l raw -d 'Print exactly the bytes of the value, without a newline behind'
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -l base64 -d 'Read the key and print the value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l limit -d 'Most keys to print [default: all]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l consistency -d 'linearizable: sees every write acknowledged before; lease: the same, without a round where raft.lease_reads is on; stale: what one node has, at once' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l at-least -d 'Wait until the answering node has applied this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l node -d 'Ask this node and no other (a name, or `leader`)' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l keys-only -d 'Print keys without their values'
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -l base64 -d 'Read the prefix and print keys and values as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l prefix -d 'All keys that begin with this' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l from -d 'Begin with the changes of this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l count -d 'End after so many changes' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l consistency -d 'linearizable: sees every write acknowledged before; lease: the same, without a round where raft.lease_reads is on; stale: what one node has, at once' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l at-least -d 'Wait until the answering node has applied this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l node -d 'Ask this node and no other (a name, or `leader`)' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l prev -d 'Also print what was there before'
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -l base64 -d 'Read the key or prefix and print keys and values as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand shell" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l in-flight -d 'Most requests that are open at once; beyond that stdin is not read' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l node -d 'Stay with this node instead of following the leader' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -l no-session -d 'Do not number the writes: one that is in flight when the leader is lost is answered `unknown`'
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand pipe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l wait -d 'Wait until the cluster is in this state, at most --timeout; exit with 5 if it is not' -r -f -a "writable\t'A leader is in touch with a majority'
healthy\t'Writable, all members reachable and caught up, no error among the problems'"
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -l check -d 'Exit with 5 unless the cluster is healthy'
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand leader" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "show" -d 'Print entries: index, term, time, kind and what they say'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "verify" -d 'Prove every byte: 0 it is whole, 7 it is damaged, with a report'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "diff" -d 'Compare logs: 0 they agree, 5 tails differ above commit, 7 committed entries differ'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "stat" -d 'Count entries and show how sizes, terms and times are spread'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "state" -d 'The keys and values as they were at an entry, what changed since, or the history of a key'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "bisect" -d 'Find the entry that first made something true of a key'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "export" -d 'Print a log as JSON lines that can be imported again'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and not __fish_seen_subcommand_from show verify diff stat state bisect export import" -f -a "import" -d 'Make a directory of segments from an export, for reading it offline'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l index -d 'Only these indexes, both ends included: A..B, A.., ..B or A' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l term -d 'Only these terms, both ends included: A..B, A.., ..B or A' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l kind -d 'Only entries of this kind; may be repeated' -r -f -a "noop\t'The first entry of a leader\'s term'
command\t'A write'
config\t'Who is in the cluster'
tick\t'Time passing, and nothing else'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l key -d 'Only commands on this key' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l prefix -d 'Only commands on keys that begin with this' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l session -d 'Only writes of the session whose name begins so, as -o json shows it' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l since -d 'Only entries written at or after this time: RFC 3339, or a span back such as 10m' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l until -d 'Only entries written at or before this time' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l size -d 'Only entries whose payload has so many bytes, both ends included: 1KiB..64KiB, 1MiB.., ..100B' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l text -d 'Only entries with this text in their key, their value or what they say of members' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l limit -d 'Stop after so many entries' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l tail -d 'Only the last so many of the entries that match' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l reverse -d 'Newest first'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -s f -l follow -d 'Then print entries as they are written, until interrupted or --limit is reached'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -l csv -d 'Comma-separated values with a line of names; times, keys and values as under -o json'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l at -d 'The entry behind which to look [default: the last]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l diff -d 'Show what is different behind this entry' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l key -d 'Only this key, with all that was written to it' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l prefix -d 'Only keys that begin with this' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from state" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -l until -d 'What is to become true, as in \'key=colour value=green\'' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from bisect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -l index -d 'Only these indexes, both ends included: A..B, A.., ..B or A' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -l out -d 'Directory to make; it must not exist yet' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand log; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l with-log -d 'The data directories, too: everything that clients have stored'
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l redact-values -d 'Take the values out of the logs, and leave out snapshots'
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -l force -d 'Replace the file if there is one'
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand bundle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -f -a "save" -d 'Back up a running cluster into a file'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -f -a "restore" -d 'Make a new cluster of one node from a backup'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -f -a "show" -d 'Say what a snapshot stands for, and with --items list what it holds'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and not __fish_seen_subcommand_from save restore show verify" -f -a "verify" -d 'Prove every byte: 0 it is whole, 7 it is damaged'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l node -d 'The node that takes it; a follower unless said otherwise' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l force -d 'Replace the file if there is one'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l data-dir -d 'The node\'s directory, which is not there yet' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l name -d 'Name of the node' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l listen -d 'Address that the node binds' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l new-cluster -d 'Name of the new cluster' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l items -d 'List the keys and values, too'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand snapshot; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -f -a "scan" -d 'Write down what a node that is left holds'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -f -a "plan" -d 'Choose the survivor to go on from, and name what may be lost'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -f -a "apply" -d 'Make a new cluster of one node from what the chosen one holds; asks'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and not __fish_seen_subcommand_from scan plan apply report" -f -a "report" -d 'Print a plan, and prove that nobody changed it'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l out -d 'Where to write it, instead of stdout' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -l force -d 'Replace the file if there is one'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l lost -d 'Members that are gone for good, comma-separated' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l out -d 'Where to write the plan' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -l force -d 'Replace the file if there is one'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l data-dir -d 'Directory of the survivor that the plan names' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l new-cluster -d 'Name of the new cluster [default: the old one\'s with -recovered behind it]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l dry-run -d 'Show what would be done and change nothing'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -l yes -d 'Answer questions with yes'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand recover; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l local -d 'Start a private cluster of so many nodes, and remove it afterwards' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l set -d 'With --local: override a key of the cluster file; may be repeated' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l mix -d 'What to send, with weights: put, get, cas, incr, append, delete, txn' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l keys -d 'How many keys there are' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l distribution -d 'How requests are spread over the keys' -r -f -a "uniform\t'Every key as often as any other'
zipf\t'Few keys very often: key number k is drawn as often as 1/k^0.99, the first one most'
sequential\t'One after the other, from the first key again behind the last'"
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l value-size -d 'Bytes of each value' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l consistency -d 'How gets are answered: linearizable, lease or stale' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l prefix -d 'What all keys begin with' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l seed -d 'The same seed draws the same kinds, keys and values on each connection' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l connections -d 'Clients with a connection each' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l in-flight -d 'Most requests in flight on each connection' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l rate -d 'Open loop: so many requests a second over all connections, each at its time' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l duration -d 'How long to measure [default: 10s]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l count -d 'Measure so many requests instead' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l warm-up -d 'Load before that, which is not measured [default: 2s, with --count none]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l threads -d 'Threads that make requests; one is enough until the client\'s CPU is the limit' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l no-session -d 'Do not number the writes: one that is in flight when the leader is lost counts as unknown'
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -l clean -d 'Remove the keys of loads below the prefix afterwards'
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and not __fish_seen_subcommand_from linearizable" -f -a "linearizable" -d 'Whether all that clients hear can be explained by one copy of the data'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l local -d 'Start a private cluster of so many nodes, and remove it afterwards' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l set -d 'With --local: override a key of the cluster file; may be repeated' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l clients -d 'Clients, each with a connection and a session' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l keys -d 'Keys in use at a time; others take their place after some hundred operations on each' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l duration -d 'How long [default: 10s]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l count -d 'So many operations instead' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l seed -d 'The same seed draws the same operations and faults; when each happens is the machine\'s choice' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l consistency -d 'How gets are answered: linearizable, lease or stale; all are judged alike' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l read-at -d 'Ask this node for all gets (a name, or `leader`)' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l every -d 'Time from one fault to the next' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l record -d 'Write the history as JSON Lines' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l history -d 'Judge a recorded history instead; no cluster is asked' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l kill -d 'Kill nodes and start them again; local clusters only'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l pause -d 'Freeze nodes and wake them up; local clusters only'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l isolate -d 'Cut nodes off from the others and heal the links; local clusters only'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -l force -d 'Replace the file of --record'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand check; and __fish_seen_subcommand_from linearizable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -f -a "run" -d 'Run one seed, or a script, and say what came of it'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and not __fish_seen_subcommand_from run swarm" -f -a "swarm" -d 'Run many seeds on all cores until one breaks an invariant'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l time -d 'Simulated time with faults; recovery comes on top' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l without -d 'Faults to do without, comma-separated; `raftctl sim run --help` lists them' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l nodes -d 'The number of nodes, 1 to 7; else the seed chooses' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l quiet-until -d 'No faults before this' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l break -d 'Rules that the nodes do not keep, comma-separated, as R47,R20; it must be noticed' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l lying-disks -d 'Disks that answer syncs they have not made: sound nodes break, and it must be noticed'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -l trace -d 'Print what happened, line by line (the last 20,000 lines)'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l count -d 'How many seeds' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l seed -d 'The first seed' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l jobs -d 'Seeds that run at a time [default: one for each core]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l time -d 'Simulated time with faults; recovery comes on top' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l without -d 'Faults to do without, comma-separated; `raftctl sim run --help` lists them' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l nodes -d 'The number of nodes, 1 to 7; else the seed chooses' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l quiet-until -d 'No faults before this' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l break -d 'Rules that the nodes do not keep, comma-separated, as R47,R20; it must be noticed' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l resume -d 'Keep how far the swarm has come in this file, and go on from there' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l save -d 'Write the first failure, made small, into this file, as a script' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l lying-disks -d 'Disks that answer syncs they have not made: sound nodes break, and it must be noticed'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l force -d 'Replace the file that --save names'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -l keep-going -d 'Go on after a failure'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand sim; and __fish_seen_subcommand_from swarm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and not __fish_seen_subcommand_from check" -f -a "check" -d 'Check cluster files and say what is wrong, with line and column'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -l static -d 'The script that knows commands and flags only, as it lies in completions/'
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l out -d 'Write the pages of all commands into this directory' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -l force -d 'Replace pages that are there'
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -s f -l file -d 'Take the value from this file, byte for byte; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l ttl -d 'Let the key vanish after this time, unless it is written or leased again' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -s f -l file -d 'Take the value from this file, byte for byte; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand append" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand incr" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -s f -l file -d 'Take the value from this file, byte for byte; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l expect -d 'Only if the value is this one' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l revision -d 'Only if the key was last changed at this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l ttl -d 'Let the key vanish after this time, unless it is written or leased again' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l absent -d 'Only if there is no such key'
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cas" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -s f -l file -d 'Read the transaction from this file; `-` is stdin' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand txn" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l revision -d 'Only if the key was last changed at this revision' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l base64 -d 'Read key and value as base64'
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -l receipt -d 'Print each stage the write went through'
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand lease" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "up" -d 'Start a cluster, or bring it back'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "down" -d 'Stop a cluster; data, ports and name stay'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "start" -d 'Start nodes that are down'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "stop" -d 'Stop nodes in good order'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "restart" -d 'Stop nodes and start them again'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "run" -d 'Start a private cluster, run a command with it, and remove it'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "kill" -d 'End nodes at once, as a crash would'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "pause" -d 'Freeze nodes where they are'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "resume" -d 'Wake nodes that were paused'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "isolate" -d 'Cut nodes off from the others, as a broken network would'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "heal" -d 'Take up the links that were cut'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "ls" -d 'List local clusters and what runs'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "status" -d 'Who leads, how far everybody is, and the processes'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and not __fish_seen_subcommand_from up down start stop restart run kill pause resume isolate heal ls status logs" -f -a "logs" -d 'Print what node processes have logged'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l nodes -d 'Without a file: how many nodes [default: 3]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l name -d 'Name of the cluster, instead of the file\'s' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l set -d 'Override a key of the file; may be repeated' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l restore -d 'Begin the new cluster with this backup' -r -F
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -s d -l detach -d 'Return when the cluster is writable and every node is in touch, and leave it running'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l dry-run -d 'Show what would be done and change nothing'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l restart-nodes -d 'Start nodes again when they die'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l adopt -d 'The file has moved: take this path for the cluster\'s own from now on'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l fresh -d 'Remove all data of the cluster first; asks'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -l yes -d 'Answer questions with yes'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l all -d 'Every local cluster'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l purge -d 'Remove data, identities and logs too; asks'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -l yes -d 'Answer questions with yes'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -l rolling -d 'One after the other, each only when the one before is back and caught up'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l nodes -d 'Without a file: how many nodes' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l set -d 'Override a key of the file; may be repeated' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l keep -d 'When data and logs stay' -r -f -a "on-failure\t'When the command does not end with 0'
never\t''
always\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l signal -d 'Signal to send, with or without SIG' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l from -d 'Cut only the links with this node [default: with all others]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l for -d 'Take the links up again after this time [default: with `cluster heal`, or when the node stops]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -l one-way -d 'Lose only what NODE says; it still hears the others'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from isolate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from heal" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l wait -d 'Wait until the cluster is in this state, at most --timeout; exit with 5 if it is not' -r -f -a "writable\t'A leader is in touch with a majority'
healthy\t'Writable, all members reachable and caught up, no error among the problems'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -l check -d 'Exit with 5 unless the cluster is healthy'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l since -d 'Only lines from this time on: RFC 3339, or a span back such as 10m' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l tail -d 'Only the last so many lines of each node' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l cluster -d 'Local cluster to work on [env: RAFTCTL_CLUSTER]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l endpoint -d 'Node to ask, host:port; may be repeated [env: RAFTCTL_ENDPOINT, comma-separated]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l identity -d 'Directory with the certificate and key to show to nodes; goes with --endpoint [env: RAFTCTL_IDENTITY]' -r -f -a "(__fish_complete_directories)"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s o -l output -d 'How data is printed; streams are JSON Lines under json [default: table] [env: RAFTCTL_OUTPUT]' -r -f -a "table\t'For people'
json\t'One document, or JSON Lines for what streams; every one carries its "schema"'
yaml\t'The same fields as json'"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l timeout -d 'Longest time one request or one wait may take, with a unit: 10s, 500ms [env: RAFTCTL_TIMEOUT]' -r
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -l color -d 'When to colour [default: auto] [env: RAFTCTL_COLOR; NO_COLOR is heeded]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Then print lines as they come, until interrupted'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Print nothing on stderr but errors'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Print more on stderr about what is being done'
complete -c raftctl -n "__fish_raftctl_using_subcommand cluster; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help (see more with \'--help\')'
