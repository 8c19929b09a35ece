import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.leader.Participant;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;

/**
 * Apache Curator's recipes, driven by lines: `<call> TAB <command> TAB <handle> TAB <argument>...`, answered by
 * `<call> TAB ok TAB <value>` or `<call> TAB error TAB <message>`. A handle is one client: one session, one thread.
 */
public class CuratorPeer {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static String server;
    private static int sessionTimeoutMs;

    public static void main(String[] args) throws Exception {
        server = args[0];
        sessionTimeoutMs = Integer.parseInt(args[1]);
        Map<String, Handle> handles = new ConcurrentHashMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", -1);
            Handle handle = handles.computeIfAbsent(words[2], name -> new Handle(name));
            handle.thread.execute(() -> answer(words[0], handle, words[1], Arrays.copyOfRange(words, 3, words.length)));
        }
        System.exit(0);
    }

    private static void answer(String call, Handle handle, String command, String[] args) {
        try {
            reply(call + "\tok\t" + handle.run(command, args));
        } catch (Throwable error) {
            reply(call + "\terror\t" + error.toString().replaceAll("\\s+", " "));
        }
    }

    private static synchronized void reply(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static class Handle {
        // A Curator mutex belongs to the thread that acquired it.
        final ExecutorService thread = Executors.newSingleThreadExecutor();
        final String name;
        CuratorFramework client;
        InterProcessMutex mutex;
        LeaderLatch latch;
        LeaderSelector selector;
        ServiceDiscovery<Object> discovery;
        ServiceCache<Object> cache;

        Handle(String name) {
            this.name = name;
        }

        String run(String command, String[] args) throws Exception {
            if (client == null) connect();
            switch (command) {
                case "connect":
                    return Long.toHexString(client.getZookeeperClient().getZooKeeper().getSessionId());
                case "acquire":
                    return acquire(new InterProcessMutex(client, args[0]), args.length > 1 ? args[1] : null);
                case "again":
                    mutex.acquire();
                    return "true";
                case "read-acquire":
                    return acquire(new InterProcessReadWriteLock(client, args[0]).readLock(), args.length > 1 ? args[1] : null);
                case "write-acquire":
                    return acquire(new InterProcessReadWriteLock(client, args[0]).writeLock(), args.length > 1 ? args[1] : null);
                case "release":
                    mutex.release();
                    return "";
                case "participants":
                    return String.join(" ", new InterProcessMutex(client, args[0]).getParticipantNodes());
                case "turns":
                    return turns(new InterProcessMutex(client, args[0]), Integer.parseInt(args[1]), Path.of(args[2]));
                case "campaign":
                    latch = new LeaderLatch(client, args[0], args[1]);
                    latch.start();
                    latch.await();
                    return latch.getOurPath();
                case "leads":
                    return String.valueOf(latch.hasLeadership());
                case "resign":
                    latch.close();
                    return "";
                case "select":
                    return select(args[0], args[1]);
                case "unselect":
                    selector.close();
                    return "";
                case "leader":
                    return new LeaderLatch(client, args[0]).getLeader().getId();
                case "candidates":
                    Collection<Participant> all = new LeaderLatch(client, args[0]).getParticipants();
                    return all.stream().map(Participant::getId).collect(Collectors.joining(" "));
                case "register":
                    register(args[0], args[1], args[2], args[3], Integer.parseInt(args[4]), args.length > 5 ? args[5] : "null");
                    return "";
                case "unregister":
                    discovery.close();
                    return "";
                case "instances":
                    return show(discovery(args[0], Class.forName(args[2])).queryForInstances(args[1]));
                case "services":
                    return String.join(" ", discovery(args[0], Object.class).queryForNames());
                case "cache":
                    cache = discovery(args[0], Object.class).serviceCacheBuilder().name(args[1]).build();
                    cache.start();
                    return "";
                case "cached":
                    return show(cache.getInstances());
                default:
                    throw new IllegalArgumentException("no such command: " + command);
            }
        }

        private void connect() throws Exception {
            client = CuratorFrameworkFactory.newClient(server, sessionTimeoutMs, 10_000, new ExponentialBackoffRetry(20, 8));
            client.start();
            if (!client.blockUntilConnected(20, TimeUnit.SECONDS)) throw new IllegalStateException("no connection");
        }

        private String acquire(InterProcessMutex wanted, String limitMs) throws Exception {
            mutex = wanted;
            if (limitMs != null) return String.valueOf(mutex.acquire(Long.parseLong(limitMs), TimeUnit.MILLISECONDS));
            mutex.acquire();
            return "true";
        }

        /** Waits until the selector leads, which it then does until it is closed. */
        private String select(String path, String id) throws Exception {
            CountDownLatch leading = new CountDownLatch(1);
            selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
                @Override
                public void takeLeadership(CuratorFramework client) throws Exception {
                    leading.countDown();
                    new CountDownLatch(1).await();
                }
            });
            selector.setId(id);
            selector.start();
            leading.await();
            return "";
        }

        /** A critical section that goes wrong when another one runs beside it, and tells in its journal. */
        private String turns(InterProcessMutex lock, int count, Path folder) throws Exception {
            Path counter = folder.resolve("counter");
            Path journal = folder.resolve("journal");
            for (int turn = 0; turn < count; turn++) {
                lock.acquire();
                try {
                    int value = Integer.parseInt(Files.readString(counter).trim());
                    append(journal, "+ " + name + " " + value);
                    Thread.sleep(1);
                    Files.writeString(counter, String.valueOf(value + 1));
                    append(journal, "- " + name + " " + value);
                } finally {
                    lock.release();
                }
            }
            return "";
        }

        private void append(Path file, String line) throws Exception {
            Files.writeString(file, line + "\n", StandardOpenOption.APPEND);
        }

        @SuppressWarnings("unchecked")
        private ServiceDiscovery<Object> discovery(String base, Class<?> payload) throws Exception {
            ServiceDiscovery<Object> made =
                ServiceDiscoveryBuilder.builder((Class<Object>) payload).client(client).basePath(base).build();
            made.start();
            return made;
        }

        private void register(String base, String service, String id, String address, int port, String payload) throws Exception {
            discovery = discovery(base, Object.class);
            discovery.registerService(ServiceInstance.<Object>builder()
                .name(service).id(id).address(address).port(port).payload(JSON.readValue(payload, Object.class)).build());
        }

        private String show(Collection<ServiceInstance<Object>> instances) throws Exception {
            List<Object> shown = new ArrayList<>();
            for (ServiceInstance<Object> one : instances) {
                shown.add(Arrays.asList(
                    one.getName(), one.getId(), one.getAddress(), one.getPort(), one.getPayload(),
                    one.getServiceType().name(), one.isEnabled()));
            }
            return JSON.writeValueAsString(shown);
        }
    }
}
