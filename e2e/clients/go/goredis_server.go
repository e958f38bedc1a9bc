// go-redis with its default options: pub/sub, scripts, blocking commands, scans and streams.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

func publish(ctx context.Context, t target) {
	one, other := open(t), open(t)
	defer one.Close()
	defer other.Close()
	heard := one.Subscribe(ctx)
	defer heard.Close()
	expect := func(wanted any) { same(got(heard.ReceiveTimeout(ctx, 10*time.Second)), wanted) }
	say := func(channel, message string) { must(other.Publish(ctx, t.Keys+channel, message).Err()) }
	counted := func(kind, channel string, count int) *redis.Subscription {
		return &redis.Subscription{Kind: kind, Channel: t.Keys + channel, Count: count}
	}
	must(heard.Subscribe(ctx, t.Keys+"a", t.Keys+"b"))
	expect(counted("subscribe", "a", 1))
	expect(counted("subscribe", "b", 2))
	must(heard.PSubscribe(ctx, t.Keys+"p.*"))
	expect(counted("psubscribe", "p.*", 3))
	for n := range 3 {
		say("a", fmt.Sprint("a", n))
	}
	for n := range 3 {
		expect(&redis.Message{Channel: t.Keys + "a", Payload: fmt.Sprint("a", n)})
	}
	say("p.x", "p")
	expect(&redis.Message{Channel: t.Keys + "p.x", Pattern: t.Keys + "p.*", Payload: "p"})
	must(heard.Unsubscribe(ctx, t.Keys+"a"))
	expect(counted("unsubscribe", "a", 2))
	say("a", "unheard")
	say("b", "b")
	expect(&redis.Message{Channel: t.Keys + "b", Payload: "b"})
	must(heard.PUnsubscribe(ctx, t.Keys+"p.*"))
	expect(counted("punsubscribe", "p.*", 1))
	say("p.x", "unheard")
	say("b", "last")
	expect(&redis.Message{Channel: t.Keys + "b", Payload: "last"})
	must(heard.Ping(ctx, "still there"))
	expect(&redis.Pong{Payload: "still there"})
	must(heard.Unsubscribe(ctx, t.Keys+"b"))
	expect(counted("unsubscribe", "b", 0))
	same(got(one.Set(ctx, t.key("after"), "x", 0).Result()), "OK")
}

func shards(ctx context.Context, t target) {
	one, other := open(t), open(t)
	defer one.Close()
	defer other.Close()
	channel := t.sameSlot("channel")
	heard := one.SSubscribe(ctx, channel)
	defer heard.Close()
	expect := func(wanted any) { same(got(heard.ReceiveTimeout(ctx, 10*time.Second)), wanted) }
	expect(&redis.Subscription{Kind: "ssubscribe", Channel: channel, Count: 1})
	for n := range 3 {
		must(other.SPublish(ctx, channel, n).Err())
	}
	for n := range 3 {
		expect(&redis.Message{Channel: channel, Payload: fmt.Sprint(n)})
	}
	must(heard.SUnsubscribe(ctx, channel))
	expect(&redis.Subscription{Kind: "sunsubscribe", Channel: channel, Count: 0})
}

func script(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	key := t.sameSlot("scripted")
	keys := []string{key}
	answer := []any{key, "2"}
	fresh := func() string {
		return fmt.Sprintf("-- %d\n%s", rand.Uint64(),
			"redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], ARGV[1]}")
	}
	same(got(client.Eval(ctx, fresh(), keys, 2).Slice()), answer)
	refused(client.EvalSha(ctx, "ffffffffffffffffffffffffffffffffffffffff", keys, 2).Err(), "NOSCRIPT")
	add := redis.NewScript(fresh())
	// The first call finds the script missing and repairs that.
	for range 3 {
		same(got(add.Run(ctx, client, keys, 2).Slice()), answer)
	}
	same(got(client.Get(ctx, key).Result()), "8")
	loaded := redis.NewScript(fresh())
	same(got(loaded.Load(ctx, client).Result()), loaded.Hash())
	same(got(client.ScriptExists(ctx, loaded.Hash(), add.Hash()+"x").Result()), []bool{true, false})
	same(got(client.EvalSha(ctx, loaded.Hash(), keys, 2).Slice()), answer)
	refused(client.Eval(ctx, "return redis.error_reply('MINE own')", keys).Err(), "MINE own")
}

func blocking(ctx context.Context, t target) {
	one, other := open(t), open(t)
	defer one.Close()
	defer other.Close()
	list, zset := t.sameSlot("list"), t.sameSlot("zset")
	from, to := t.sameSlot("from"), t.sameSlot("to")
	must(other.Del(ctx, list, zset, from, to).Err())
	long := 10 * time.Second
	popped := later(func() ([]string, error) { return one.BLPop(ctx, long, list, t.sameSlot("o")).Result() })
	must(other.RPush(ctx, list, "one", "two").Err())
	same(popped(), []string{list, "one"})
	same(got(one.BRPop(ctx, long, list).Result()), []string{list, "two"})
	same(errors.Is(one.BLPop(ctx, time.Second, list).Err(), redis.Nil), true)
	moved := later(func() (string, error) { return one.BLMove(ctx, from, to, "LEFT", "RIGHT", long).Result() })
	must(other.RPush(ctx, from, "moved").Err())
	same(moved(), "moved")
	least := later(func() (*redis.ZWithKey, error) { return one.BZPopMin(ctx, long, zset).Result() })
	must(other.ZAdd(ctx, zset, redis.Z{Score: 2, Member: "b"}).Err())
	same(least(), &redis.ZWithKey{Z: redis.Z{Score: 2, Member: "b"}, Key: zset})
	same(got(one.LLen(ctx, to).Result()), 1)
}

// later runs wait in a goroutine of its own; what it returns waits for the result in turn.
func later[T any](wait func() (T, error)) func() T {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := wait()
		done <- result{value, err}
	}()
	return func() T {
		found := <-done
		return got(found.value, found.err)
	}
}

func scan(ctx context.Context, t target) {
	client := open(t)
	defer client.Close()
	var names []string
	var pairs []any
	for n := range 300 {
		names = append(names, t.key(fmt.Sprint("scan:", n)))
		pairs = append(pairs, names[n], "x")
	}
	slices.Sort(names)
	must(client.MSet(ctx, pairs...).Err())
	var seen []string
	walk := func(ctx context.Context, node *redis.Client) error {
		pages := node.Scan(ctx, 0, t.key("scan:*"), 50).Iterator()
		for pages.Next(ctx) {
			seen = append(seen, pages.Val())
		}
		return pages.Err()
	}
	switch kind := client.(type) {
	case *redis.ClusterClient:
		must(kind.ForEachMaster(ctx, walk))
	case *redis.Client:
		must(walk(ctx, kind))
	}
	slices.Sort(seen)
	same(slices.Compact(seen), names)
	must(client.HSet(ctx, t.key("scanned"), pairs...).Err())
	var fields []string
	pages := client.HScan(ctx, t.key("scanned"), 0, "", 0).Iterator()
	for pages.Next(ctx) {
		fields = append(fields, pages.Val())
		pages.Next(ctx)
	}
	must(pages.Err())
	slices.Sort(fields)
	same(slices.Compact(fields), names)
}

func stream(ctx context.Context, t target) {
	one, other := open(t), open(t)
	defer one.Close()
	defer other.Close()
	key := t.key("stream")
	must(one.Del(ctx, key).Err())
	entry := func(n int) redis.XMessage {
		return redis.XMessage{ID: fmt.Sprintf("%d-0", n), Values: map[string]any{"n": fmt.Sprint(n)}}
	}
	add := func(client redis.UniversalClient, id string, n any) string {
		return got(client.XAdd(ctx, &redis.XAddArgs{Stream: key, ID: id, Values: []any{"n", n}}).Result())
	}
	for n := 1; n <= 5; n++ {
		same(add(one, entry(n).ID, n), entry(n).ID)
	}
	same(got(one.XLen(ctx, key).Result()), 5)
	same(got(one.XRange(ctx, key, "2", "3").Result()), []redis.XMessage{entry(2), entry(3)})
	after := &redis.XReadArgs{Streams: []string{key, "3-0"}, Count: 2, Block: -1}
	read := []redis.XStream{{Stream: key, Messages: []redis.XMessage{entry(4), entry(5)}}}
	same(got(one.XRead(ctx, after).Result()), read)
	same(got(one.XGroupCreate(ctx, key, "group", "0").Result()), "OK")
	group := &redis.XReadGroupArgs{Group: "group", Consumer: "me", Streams: []string{key, ">"}, Count: 2, Block: -1}
	read[0].Messages = []redis.XMessage{entry(1), entry(2)}
	same(got(one.XReadGroup(ctx, group).Result()), read)
	same(got(one.XAck(ctx, key, "group", "1-0").Result()), 1)
	pending := got(one.XPending(ctx, key, "group").Result())
	same(pending.Count, 1)
	same(pending.Lower, "2-0")
	done := make(chan struct{})
	next := later(func() ([]redis.XStream, error) {
		defer close(done)
		return one.XRead(ctx, &redis.XReadArgs{Streams: []string{key, "$"}, Block: 10 * time.Second}).Result()
	})
	// `$` is taken when the command arrives: what was added before it stays unseen.
	for waiting := true; waiting; {
		add(other, "*", "new")
		select {
		case <-done:
			waiting = false
		default:
		}
	}
	same(next()[0].Messages[0].Values["n"], any("new"))
}
