// Writes a key and reads it every two seconds, through whichever member answers.
//
// In a directory of its own, with a copy of this file as main.go:
//
//	go mod init etcdgo && go get go.etcd.io/etcd/client/v3 && go build
//
// Then, from the directory above `client`: path/to/etcdgo
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func main() {
	authority, err := os.ReadFile("client/ca.crt")
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	own, err := tls.LoadX509KeyPair("client/admin.crt", "client/admin.key")
	if err != nil {
		log.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{@QUOTED_ENDPOINTS@},
		DialTimeout: 5 * time.Second,
		TLS:         &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	limited := func(call func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := call(ctx); err != nil {
			log.Fatal(err)
		}
	}
	limited(func(ctx context.Context) error {
		_, err := client.Put(ctx, "foo", "bar")
		return err
	})
	for {
		limited(func(ctx context.Context) error {
			answer, err := client.Get(ctx, "foo")
			if err == nil {
				for _, pair := range answer.Kvs {
					log.Printf("%s=%s", pair.Key, pair.Value)
				}
			}
			return err
		})
		time.Sleep(2 * time.Second)
	}
}
