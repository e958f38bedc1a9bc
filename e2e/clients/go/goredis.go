// go-redis with its default options: values, pipelines and transactions.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var checks = map[string]check{
	"handshake":   handshake,
	"values":      values,
	"many":        many,
	"pipeline":    pipeline,
	"transaction": transaction,
	"watch":       watch,
	"publish":     publish,
	"shards":      shards,
	"script":      script,
	"blocking":    blocking,
	"scan":        scan,
	"stream":      stream,
}

// open makes a client of the target's mode; the caller closes it.
func open(t target) redis.UniversalClient {
	address := net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
	if t.Mode == "cluster" {
		options := &redis.ClusterOptions{Addrs: []string{address}}
		set(&options.Protocol, t.Protocol)
		set(&options.Username, t.User)
		set(&options.Password, t.Password)
		return redis.NewClusterClient(options)
	}
	options := &redis.Options{Addr: address}
	set(&options.Protocol, t.Protocol)
	set(&options.Username, t.User)
	set(&options.Password, t.Password)
	return redis.NewClient(options)
}

func set[T any](option *T, value *T) {
	if value != nil {
		*option = *value
	}
}

func handshake(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	key := t.key("hello")
	same(got(client.Ping(ctx).Result()), "PONG")
	info := got(client.Do(ctx, "client", "info").Text())
	if t.Protocol != nil {
		same(strings.Contains(info, fmt.Sprint("resp=", *t.Protocol)), true)
	}
	same(got(client.Set(ctx, key, "world", 0).Result()), "OK")
	same(got(client.Get(ctx, key).Result()), "world")
	same(got(client.Del(ctx, key).Result()), 1)
	must(client.Close())
}

func values(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	same(got(client.Set(ctx, t.key("text"), "grüße", 100*time.Second).Result()), "OK")
	same(got(client.Get(ctx, t.key("text")).Result()), "grüße")
	ttl := got(client.TTL(ctx, t.key("text")).Result())
	same(ttl > 90*time.Second && ttl <= 100*time.Second, true)
	bytes := make([]byte, 256)
	for n := range bytes {
		bytes[n] = byte(n)
	}
	same(got(client.Set(ctx, t.key("bytes"), bytes, 0).Result()), "OK")
	same(got(client.Get(ctx, t.key("bytes")).Bytes()), bytes)
	same(errors.Is(client.Get(ctx, t.key("none")).Err(), redis.Nil), true)
	same(got(client.IncrBy(ctx, t.key("number"), 7).Result()), 7)
	same(got(client.HSet(ctx, t.key("hash"), "a", "1", "b", "2").Result()), 2)
	hash := map[string]string{"a": "1", "b": "2"}
	same(got(client.HGetAll(ctx, t.key("hash")).Result()), hash)
	same(got(client.RPush(ctx, t.key("list"), "a", "b").Result()), 2)
	same(got(client.LRange(ctx, t.key("list"), 0, -1).Result()), []string{"a", "b"})
	same(got(client.SAdd(ctx, t.key("set"), "a", "b").Result()), 2)
	members := got(client.SMembers(ctx, t.key("set")).Result())
	slices.Sort(members)
	same(members, []string{"a", "b"})
	ranked := []redis.Z{{Score: 1, Member: "one"}, {Score: 2.5, Member: "more"}}
	same(got(client.ZAdd(ctx, t.key("zset"), ranked...).Result()), 2)
	same(got(client.ZRangeWithScores(ctx, t.key("zset"), 0, -1).Result()), ranked)
	refused(client.LPush(ctx, t.key("text"), "x").Err(), "WRONGTYPE")
	same(got(client.Get(ctx, t.key("text")).Result()), "grüße")
}

func many(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	var keys []string
	var pairs, wanted []any
	for n := range 20 {
		key := t.key(fmt.Sprint("many:", n))
		keys = append(keys, key)
		pairs = append(pairs, key, "v"+key)
		wanted = append(wanted, "v"+key)
	}
	same(got(client.MSet(ctx, pairs...).Result()), "OK")
	found := got(client.MGet(ctx, append(slices.Clone(keys), t.key("none"))...).Result())
	same(found, append(wanted, nil))
	same(got(client.Exists(ctx, append(slices.Clone(keys), keys...)...).Result()), 40)
	same(got(client.Touch(ctx, keys...).Result()), 20)
	same(got(client.Del(ctx, keys[:10]...).Result()), 10)
	same(got(client.Unlink(ctx, keys...).Result()), 10)
}

func pipeline(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	must(client.Set(ctx, t.key("text"), "x", 0).Err())
	var sets []*redis.StatusCmd
	var counts []*redis.IntCmd
	var wrong *redis.IntCmd
	_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for n := range 500 {
			key := t.key(fmt.Sprint("p:", n))
			sets = append(sets, pipe.Set(ctx, key, n, 0))
			counts = append(counts, pipe.Incr(ctx, key))
			if n == 250 {
				wrong = pipe.LPush(ctx, t.key("text"), "x")
			}
		}
		return nil
	})
	refused(err, "WRONGTYPE")
	refused(wrong.Err(), "WRONGTYPE")
	for n := range 500 {
		same(got(sets[n].Result()), "OK")
		same(got(counts[n].Result()), int64(n+1))
	}
}

func transaction(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	text, count := t.sameSlot("tx:text"), t.sameSlot("tx:count")
	must(client.Del(ctx, text, count).Err())
	var first, second, wrong *redis.IntCmd
	var value *redis.StringCmd
	_, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, text, "a", 0)
		first = pipe.Incr(ctx, count)
		wrong = pipe.LPush(ctx, text, "x")
		second = pipe.Incr(ctx, count)
		value = pipe.Get(ctx, text)
		return nil
	})
	refused(err, "WRONGTYPE")
	refused(wrong.Err(), "WRONGTYPE")
	same(got(first.Result()), 1)
	same(got(second.Result()), 2)
	same(got(value.Result()), "a")
	// One connection of one's own: go-redis has DISCARD only as a command like any other.
	must(client.Watch(ctx, func(tx *redis.Tx) error {
		same(got(tx.Do(ctx, "MULTI").Text()), "OK")
		same(got(tx.Do(ctx, "SET", text, "gone").Text()), "QUEUED")
		same(got(tx.Do(ctx, "DISCARD").Text()), "OK")
		return nil
	}, text))
	same(got(client.Get(ctx, text).Result()), "a")
}

func watch(ctx context.Context, t target) {
	one, other := open(t), open(t)
	defer one.Close()
	defer other.Close()
	key := t.sameSlot("watched")
	must(one.Set(ctx, key, "first", 0).Err())
	write := func(value string, between func()) error {
		return one.Watch(ctx, func(tx *redis.Tx) error {
			between()
			_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Set(ctx, key, value, 0)
				return nil
			})
			return err
		}, key)
	}
	err := write("lost", func() { must(other.Set(ctx, key, "other", 0).Err()) })
	same(errors.Is(err, redis.TxFailedErr), true)
	same(got(one.Get(ctx, key).Result()), "other")
	must(write("won", func() {}))
	must(one.Watch(ctx, func(tx *redis.Tx) error {
		must(other.Set(ctx, key, "again", 0).Err())
		same(got(tx.Unwatch(ctx).Result()), "OK")
		var value *redis.StringCmd
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			value = pipe.Get(ctx, key)
			return nil
		})
		same(got(value.Result()), "again")
		return err
	}, key))
}
