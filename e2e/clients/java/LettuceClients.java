/** Lettuce's standalone and cluster clients behind what both can do, and its pub/sub. */

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.cluster.api.sync.RedisClusterCommands;
import io.lettuce.core.pubsub.RedisPubSubListener;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.resource.ClientResources;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** One client with one connection. */
interface LettuceClients extends AutoCloseable {
  /** Shared, or each client would start and stop a pool of threads of its own. */
  ClientResources THREADS = ClientResources.create();

  RedisClusterCommands<String, String> commands();

  RedisClusterAsyncCommands<String, String> async();

  /** The connection of the one node: transactions need one. */
  RedisCommands<String, String> node();

  StatefulRedisPubSubConnection<String, String> heard();

  @Override
  void close();

  static LettuceClients open(Checks.Target target) {
    RedisURI.Builder uri = RedisURI.Builder.redis(target.host(), target.port());
    if (target.user() != null) uri.withAuthentication(target.user(), target.password());
    return target.isCluster()
        ? Cluster.open(uri.build(), target.protocol())
        : Single.open(uri.build(), target.protocol());
  }

  record Single(RedisClient client, StatefulRedisConnection<String, String> connection)
      implements LettuceClients {

    static Single open(RedisURI uri, Integer protocol) {
      RedisClient client = RedisClient.create(THREADS, uri);
      if (protocol != null) client.setOptions(LettuceProgram.options(protocol));
      return new Single(client, client.connect());
    }

    @Override
    public RedisClusterCommands<String, String> commands() {
      return connection.sync();
    }

    @Override
    public RedisClusterAsyncCommands<String, String> async() {
      return connection.async();
    }

    @Override
    public RedisCommands<String, String> node() {
      return connection.sync();
    }

    @Override
    public StatefulRedisPubSubConnection<String, String> heard() {
      return client.connectPubSub();
    }

    @Override
    public void close() {
      connection.close();
      client.shutdown(Duration.ZERO, Duration.ZERO);
    }
  }

  record Cluster(
      RedisClusterClient client, StatefulRedisClusterConnection<String, String> connection)
      implements LettuceClients {

    static Cluster open(RedisURI uri, Integer protocol) {
      RedisClusterClient client = RedisClusterClient.create(THREADS, uri);
      if (protocol != null) {
        client.setOptions((ClusterClientOptions) LettuceProgram.options(protocol));
      }
      return new Cluster(client, client.connect());
    }

    @Override
    public RedisClusterCommands<String, String> commands() {
      return connection.sync();
    }

    @Override
    public RedisClusterAsyncCommands<String, String> async() {
      return connection.async();
    }

    @Override
    public RedisCommands<String, String> node() {
      String id = connection.getPartitions().getPartition(0).getNodeId();
      return connection.getConnection(id).sync();
    }

    @Override
    public StatefulRedisPubSubConnection<String, String> heard() {
      return client.connectPubSub();
    }

    @Override
    public void close() {
      connection.close();
      client.shutdown(Duration.ZERO, Duration.ZERO);
    }
  }

  /** Writes down what comes, in words. */
  record Heard(BlockingQueue<String> told) implements RedisPubSubListener<String, String> {
    @Override
    public void message(String channel, String message) {
      told.add("message " + channel + " " + message);
    }

    @Override
    public void message(String pattern, String channel, String message) {
      told.add("pmessage " + pattern + " " + channel + " " + message);
    }

    @Override
    public void subscribed(String channel, long count) {
      told.add("subscribe " + channel + " " + count);
    }

    @Override
    public void psubscribed(String pattern, long count) {
      told.add("psubscribe " + pattern + " " + count);
    }

    @Override
    public void unsubscribed(String channel, long count) {
      told.add("unsubscribe " + channel + " " + count);
    }

    @Override
    public void punsubscribed(String pattern, long count) {
      told.add("punsubscribe " + pattern + " " + count);
    }

    @Override
    public void smessage(String channel, String message) {
      told.add("smessage " + channel + " " + message);
    }

    @Override
    public void ssubscribed(String channel, long count) {
      told.add("ssubscribe " + channel + " " + count);
    }

    @Override
    public void sunsubscribed(String channel, long count) {
      told.add("sunsubscribe " + channel + " " + count);
    }

    void expect(String... wanted) throws InterruptedException {
      for (String line : wanted) Checks.same(told.poll(10, TimeUnit.SECONDS), line);
    }
  }

  static void shards(Checks.Target target) throws Exception {
    String channel = target.sameSlot("channel");
    Heard heard = new Heard(new LinkedBlockingQueue<>());
    try (LettuceClients one = open(target);
        LettuceClients other = open(target)) {
      var listening = one.heard();
      listening.addListener(heard);
      listening.sync().ssubscribe(channel);
      heard.expect("ssubscribe " + channel + " 1");
      for (int n = 0; n < 3; n++) other.commands().spublish(channel, String.valueOf(n));
      for (int n = 0; n < 3; n++) heard.expect("smessage " + channel + " " + n);
      listening.sync().sunsubscribe(channel);
      heard.expect("sunsubscribe " + channel + " 0");
    }
  }

  static void publish(Checks.Target target) throws Exception {
    String a = target.keys() + "a";
    String b = target.keys() + "b";
    String pattern = target.keys() + "p.*";
    String matching = target.keys() + "p.x";
    Heard heard = new Heard(new LinkedBlockingQueue<>());
    try (LettuceClients one = open(target);
        LettuceClients second = open(target)) {
      var listening = one.heard();
      listening.addListener(heard);
      RedisClusterCommands<String, String> other = second.commands();
      listening.sync().subscribe(a, b);
      heard.expect("subscribe " + a + " 1", "subscribe " + b + " 2");
      listening.sync().psubscribe(pattern);
      heard.expect("psubscribe " + pattern + " 3");
      for (int n = 0; n < 3; n++) other.publish(a, "a" + n);
      heard.expect("message " + a + " a0", "message " + a + " a1", "message " + a + " a2");
      other.publish(matching, "p");
      heard.expect("pmessage " + pattern + " " + matching + " p");
      listening.sync().unsubscribe(a);
      heard.expect("unsubscribe " + a + " 2");
      other.publish(a, "unheard");
      other.publish(b, "b");
      heard.expect("message " + b + " b");
      listening.sync().punsubscribe(pattern);
      heard.expect("punsubscribe " + pattern + " 1");
      other.publish(matching, "unheard");
      other.publish(b, "last");
      heard.expect("message " + b + " last");
      listening.sync().unsubscribe(b);
      heard.expect("unsubscribe " + b + " 0");
      Checks.same(one.commands().set(target.key("after"), "x"), "OK");
    }
  }
}
