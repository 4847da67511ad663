import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hc.client5.http.auth.AuthScope;
import org.apache.hc.client5.http.auth.UsernamePasswordCredentials;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.impl.auth.BasicCredentialsProvider;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.entity.EntityUtils;

/**
 * Reads a list through a gateway with each client for Java, with their defaults, as each can authenticate; prints a line for each read: client,
 * auth, number of items. Run by java.test.ts. Arguments: origin, id, secret, path of the list.
 */
public final class Reads {
  private static final String ACCEPT = "application/vnd.atlas.2023-02-01+json";
  private static final Pattern COUNT = Pattern.compile("\"totalCount\":(\\d+)");
  private static final Pattern TOKEN = Pattern.compile("\"access_token\":\\s*\"([^\"]+)\"");

  public static void main(String[] arguments) throws Exception {
    String origin = arguments[0];
    String id = arguments[1];
    String secret = arguments[2];
    URI list = URI.create(origin + arguments[3]);
    HttpClient client = HttpClient.newHttpClient();
    String token = token(client, origin, id, secret);
    for (int time = 0; time < 2; time++) {
      tell("java.net.http", "bearer", get(client, list, id + "_" + secret));
      tell("java.net.http", "OAuth", get(client, list, token));
    }
    try (CloseableHttpClient apache = HttpClients.createDefault()) {
      for (int time = 0; time < 2; time++) {
        tell("Apache HttpClient", "bearer", get(apache, list, id + "_" + secret));
        tell("Apache HttpClient", "OAuth", get(apache, list, token));
      }
    }
    BasicCredentialsProvider credentials = new BasicCredentialsProvider();
    credentials.setCredentials(
        new AuthScope(HttpHost.create(URI.create(origin))), new UsernamePasswordCredentials(id, secret.toCharArray()));
    try (CloseableHttpClient apache = HttpClients.custom().setDefaultCredentialsProvider(credentials).build()) {
      for (int time = 0; time < 2; time++) tell("Apache HttpClient", "digest", get(apache, list, null));
    }
  }

  private static String token(HttpClient client, String origin, String id, String secret) throws Exception {
    String pair = Base64.getEncoder().encodeToString((id + ":" + secret).getBytes(StandardCharsets.UTF_8));
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(origin + "/api/oauth/token"))
            .header("Authorization", "Basic " + pair)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString("grant_type=" + URLEncoder.encode("client_credentials", StandardCharsets.UTF_8)))
            .build();
    return first(TOKEN, client.send(request, BodyHandlers.ofString()).body());
  }

  private static String get(HttpClient client, URI list, String bearer) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(list).header("Accept", ACCEPT).header("Authorization", "Bearer " + bearer).build();
    return first(COUNT, client.send(request, BodyHandlers.ofString()).body());
  }

  private static String get(CloseableHttpClient client, URI list, String bearer) throws Exception {
    HttpGet request = new HttpGet(list);
    request.setHeader("Accept", ACCEPT);
    if (bearer != null) request.setHeader("Authorization", "Bearer " + bearer);
    return first(COUNT, client.execute(request, response -> EntityUtils.toString(response.getEntity())));
  }

  private static String first(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    return matcher.find() ? matcher.group(1) : text;
  }

  private static void tell(String client, String auth, String got) {
    System.out.println(client + "," + auth + "," + got);
  }
}
