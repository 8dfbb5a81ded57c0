# Settings of etcdctl on this node, as far as they are not set.{% if not ssh.etcdctl %} Only root and etcd can read the key: run `sudo etcdctl …`.{% endif %}
{% set own = ssh.etcdctl -%}
: "${ETCDCTL_API:=3}"
: "${ETCDCTL_ENDPOINTS:={% for member in nodes %}{{ member.client_url }}{% if not loop.last %},{% endif %}{% endfor %}}"
{% if not etcd.insecure -%}
: "${ETCDCTL_CACERT:={% if own %}{{ paths.client }}/ca.crt{% else %}{{ paths.ca_certificate }}{% endif %}}"
: "${ETCDCTL_CERT:={% if own %}{{ paths.client }}/client.crt{% else %}{{ paths.server_certificate }}{% endif %}}"
: "${ETCDCTL_KEY:={% if own %}{{ paths.client }}/client.key{% else %}{{ paths.server_key }}{% endif %}}"
export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
{% endif -%}
export ETCDCTL_API ETCDCTL_ENDPOINTS
