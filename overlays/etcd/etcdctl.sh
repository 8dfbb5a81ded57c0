# Settings of etcdctl on this node, as far as they are not set. The key is readable by root and etcd only: run `sudo etcdctl …`.
: "${ETCDCTL_API:=3}"
: "${ETCDCTL_ENDPOINTS:={% for member in nodes %}{{ member.client_url }}{% if not loop.last %},{% endif %}{% endfor %}}"
: "${ETCDCTL_CACERT:={{ paths.ca_certificate }}}"
: "${ETCDCTL_CERT:={{ paths.server_certificate }}}"
: "${ETCDCTL_KEY:={{ paths.server_key }}}"
export ETCDCTL_API ETCDCTL_ENDPOINTS ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
