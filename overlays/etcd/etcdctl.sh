# Settings of etcdctl on this node. The key is readable by root and etcd only: run `sudo etcdctl …`.
export ETCDCTL_API=3
export ETCDCTL_ENDPOINTS={% for member in nodes %}{{ member.client_url }}{% if not loop.last %},{% endif %}{% endfor %}

export ETCDCTL_CACERT={{ paths.ca_certificate }}
export ETCDCTL_CERT={{ paths.server_certificate }}
export ETCDCTL_KEY={{ paths.server_key }}
